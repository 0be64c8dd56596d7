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


def free_model(outputs: int = 3) -> bytes:
    """(?, ?, 4) -> RELU -> (?, ?, 4) -> FULLY_CONNECTED that keeps dimensions -> (?, ?, outputs)."""
    weights = dense_weights(7, 4, outputs)
    tensors = [
        tensor("serving_default_x:0", [1, 1, 4]),
        tensor("positive", [1, 1, 4]),
        tensor("weights", [outputs, 4], buffer=1),
        tensor("output", [1, 1, outputs]),
    ]
    for one in (tensors[0], tensors[1], tensors[3]):
        one.shapeSignature = [-1, -1, one.shape[-1]]
    relu, dense = schema.OperatorT(), schema.OperatorT()
    relu.opcodeIndex, relu.inputs, relu.outputs = 0, [0], [1]
    dense.opcodeIndex, dense.inputs, dense.outputs = 1, [1, 2, -1], [3]
    dense.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    dense.builtinOptions = schema.FullyConnectedOptionsT()
    dense.builtinOptions.keepNumDims = True
    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = tensors, [relu, dense], [0], [3]
    model.version, model.subgraphs = 3, [graph]
    model.operatorCodes = [_code("RELU", 1), _code("FULLY_CONNECTED", 5)]
    model.buffers = [buffer(b""), buffer(weights.tobytes())]
    return pack(model)


def signatures_model(*sizes: tuple[str, int, int], after: str | None = None) -> bytes:
    """One dense graph per (signature, inputs, outputs), each `x` -> `y`. after: one that calls the first."""
    model = schema.ModelT()
    model.version, model.subgraphs, model.signatureDefs = 3, [], []
    model.operatorCodes = [_code("FULLY_CONNECTED", 1), _code("CALL_ONCE", 1)]
    model.buffers = [buffer(b"")]
    for number, (name, inputs, outputs) in enumerate(sizes):
        one = schema.ModelT.InitFromPackedBuf(dense_model(number, inputs, outputs), 0)
        graph = one.subgraphs[0]
        graph.tensors[1].buffer = number + 1
        model.buffers.append(one.buffers[1])
        if name == after:
            call = schema.OperatorT()
            call.opcodeIndex, call.inputs, call.outputs = 1, [], []
            call.builtinOptionsType = schema.BuiltinOptions.CallOnceOptions
            call.builtinOptions = schema.CallOnceOptionsT()
            graph.operators.append(call)
        model.subgraphs.append(graph)
        model.signatureDefs.append(_signature(name, number))
    return pack(model)


def _signature(name: str, subgraph: int) -> schema.SignatureDefT:
    signature, x, y = schema.SignatureDefT(), schema.TensorMapT(), schema.TensorMapT()
    x.name, x.tensorIndex, y.name, y.tensorIndex = "x", 0, "y", 2
    signature.signatureKey, signature.inputs, signature.outputs = name, [x], [y]
    signature.subgraphIndex = subgraph
    return signature


def _code(name: str, version: int) -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
    return code
