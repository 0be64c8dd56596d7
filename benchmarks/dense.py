"""A .tflite of one dense layer, of any size, made without TensorFlow."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def dense_model(inputs: int, outputs: int) -> bytes:
    """A float32 .tflite: (1, inputs) -> FULLY_CONNECTED without bias -> (1, outputs)."""
    weights = np.random.default_rng(1).normal(0, 1, (outputs, inputs)).astype(np.float32)
    code, op = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version, op.inputs, op.outputs = 1, [0, 1, -1], [2]
    op.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    op.builtinOptions = schema.FullyConnectedOptionsT()
    graph = schema.SubGraphT()
    shapes = {"input": [1, inputs], "weights": [outputs, inputs], "output": [1, outputs]}
    graph.tensors = [_tensor(name, shape) for name, shape in shapes.items()]
    graph.operators, graph.inputs, graph.outputs = [op], [0], [2]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT(), schema.BufferT()]
    model.buffers[1].data = weights.view(np.uint8).ravel()
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str, shape: list[int]) -> schema.TensorT:
    made = schema.TensorT()
    made.name, made.shape, made.type = name, shape, schema.TensorType.FLOAT32
    made.buffer = 1 if name == "weights" else 0
    return made
