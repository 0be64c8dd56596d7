"""Files of dense layers of any size and number, made without TensorFlow."""

from __future__ import annotations

import itertools

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def dense_model(inputs: int, outputs: int) -> bytes:
    """A float32 .tflite: (1, inputs) -> FULLY_CONNECTED without bias -> (1, outputs)."""
    return _dense([inputs, outputs], seed=1)


def dense_chain(width: int, layers: int, seed: int) -> bytes:
    """A float32 .tflite: (1, width) -> so many FULLY_CONNECTED without bias -> (1, width)."""
    return _dense([width] * (layers + 1), seed)


def _dense(widths: list[int], seed: int) -> bytes:
    chance = np.random.default_rng(seed)
    code, graph, model = schema.OperatorCodeT(), schema.SubGraphT(), schema.ModelT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    graph.tensors, graph.operators, graph.inputs = [_tensor("x0", [1, widths[0]], 0)], [], [0]
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT()]
    for before, after in itertools.pairwise(widths):
        weights = chance.normal(0, before**-0.5, (after, before)).astype(np.float32)
        model.buffers.append(schema.BufferT())
        model.buffers[-1].data = weights.view(np.uint8).ravel()
        x, at = len(graph.tensors) - 1, len(graph.tensors)
        graph.tensors += [
            _tensor(f"weights{at}", [after, before], len(model.buffers) - 1),
            _tensor(f"x{at}", [1, after], 0),
        ]
        graph.operators.append(_layer([x, at, -1], at + 1))
    graph.outputs = [len(graph.tensors) - 1]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _layer(inputs: list[int], output: int) -> schema.OperatorT:
    op = schema.OperatorT()
    op.inputs, op.outputs = inputs, [output]
    op.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    op.builtinOptions = schema.FullyConnectedOptionsT()
    return op


def _tensor(name: str, shape: list[int], buffer: int) -> schema.TensorT:
    made = schema.TensorT()
    made.name, made.shape, made.type, made.buffer = name, shape, schema.TensorType.FLOAT32, buffer
    return made
