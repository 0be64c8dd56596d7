"""Small real models for tests, built with the flatbuffer schema alone."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def dense_weights(seed: int, inputs: int = 4, outputs: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (outputs, inputs)).astype(np.float32)


def dense_model(seed: int, inputs: int = 4, outputs: int = 3) -> bytes:
    """A float32 .tflite: (1, inputs) -> FULLY_CONNECTED without bias -> (1, outputs)."""
    return dense_of(dense_weights(seed, inputs, outputs))


def dense_of(weights: np.ndarray) -> bytes:
    """The same with these weights (outputs, inputs), float32."""
    outputs, inputs = weights.shape
    tensors = [
        tensor("input", [1, inputs]),
        tensor("weights", [outputs, inputs], buffer=1),
        tensor("output", [1, outputs]),
    ]
    code, op = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    op.opcodeIndex, op.inputs, op.outputs = 0, [0, 1, -1], [2]
    op.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    op.builtinOptions = schema.FullyConnectedOptionsT()
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = tensors, [op], [0], [2]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [buffer(b""), buffer(weights.tobytes())]
    return pack(model)


def tensor(name: str, shape: list[int], buffer: int = 0) -> schema.TensorT:
    made = schema.TensorT()
    made.name, made.shape, made.buffer, made.type = name, shape, buffer, schema.TensorType.FLOAT32
    return made


def buffer(data: bytes) -> schema.BufferT:
    made = schema.BufferT()
    made.data = np.frombuffer(data, np.uint8)
    return made


def pack(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def dynamic_model() -> bytes:
    """(1, 4) -> which elements are above zero: how many rows that has is known only when it has run."""
    tensors = [
        tensor("input", [1, 4]),
        tensor("zero", [1], buffer=1),
        tensor("above", [1, 4]),
        tensor("where", [1, 2]),
        tensor("output", [1, 2]),
    ]
    tensors[2].type, tensors[3].type = schema.TensorType.BOOL, schema.TensorType.INT64
    return _chain(tensors, {"GREATER": [0, 1], "WHERE": [2], "CAST": [3]}, first_output=2)


def int64_model() -> bytes:
    """(1, 4) int64 -> the same as float32."""
    tensors = [tensor("input", [1, 4]), tensor("output", [1, 4])]
    tensors[0].type = schema.TensorType.INT64
    return _chain(tensors, {"CAST": [0]}, first_output=1)


def _chain(tensors: list[schema.TensorT], ops: dict[str, list[int]], first_output: int) -> bytes:
    """Ops without options, one after the other; the last tensor is the output. Buffer 1 holds a zero."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], []
    graph.tensors, graph.operators, graph.inputs, graph.outputs = tensors, [], [0], [len(tensors) - 1]
    for index, (name, inputs) in enumerate(ops.items()):
        code, op = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
        code.version = 1
        op.opcodeIndex, op.inputs, op.outputs = index, inputs, [first_output + index]
        model.operatorCodes.append(code)
        graph.operators.append(op)
    model.buffers = [buffer(b""), buffer(np.zeros(1, np.float32).tobytes())]
    return pack(model)
