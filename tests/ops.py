"""Small models of one or a few ops, with the types, shapes, constants and options that a test needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.models import buffer, pack

_NUMPY = {
    "float32": np.float32,
    "float16": np.float16,
    "int8": np.int8,
    "uint8": np.uint8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
}
QUANTIZED = {"int8", "uint8", "int16"}


@dataclass(frozen=True)
class Tensor:
    """`values` make it a constant; `scales` default to 0.5 where the type is quantized."""

    dtype: str
    shape: list[int]
    values: Any = None
    scales: tuple[float, ...] | None = None
    axis: int = 0
    signature: list[int] | None = None
    zero: int = 0


@dataclass(frozen=True)
class Op:
    """`inputs` and `outputs` are names of tensors; `options` the fields of its table in schema.fbs."""

    name: str
    inputs: list[str]
    outputs: list[str]
    options: dict[str, Any] | None = None
    version: int = 1
    table: str | None = None
    custom: bytes = b""


def build(tensors: dict[str, Tensor], ops: list[Op], inputs: list[str], outputs: list[str]) -> bytes:
    """A .tflite of these ops, in this order."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs = 3, [graph]
    model.buffers = [schema.BufferT()]
    model.operatorCodes, graph.operators, graph.tensors = [], [], []
    places = {name: place for place, name in enumerate(tensors)}
    for name, tensor in tensors.items():
        graph.tensors.append(_tensor(name, tensor, model))
    for op in ops:
        model.operatorCodes.append(_code(op))
        graph.operators.append(_operator(op, places, len(model.operatorCodes) - 1))
    graph.inputs, graph.outputs = [places[n] for n in inputs], [places[n] for n in outputs]
    return pack(model)


def one(
    name: str,
    inputs: list[Tensor],
    outputs: list[Tensor],
    options: dict[str, Any] | None = None,
    *,
    version: int = 1,
    table: str | None = None,
) -> bytes:
    """A .tflite of one op; inputs without values are the model's inputs."""
    ins = {f"in{i}": tensor for i, tensor in enumerate(inputs)}
    outs = {f"out{i}": tensor for i, tensor in enumerate(outputs)}
    op = Op(name, list(ins), list(outs), options, version, table)
    free = [key for key, tensor in ins.items() if tensor.values is None]
    return build({**ins, **outs}, [op], free, list(outs))


def _tensor(name: str, tensor: Tensor, model: Any) -> Any:
    made = schema.TensorT()
    made.name, made.shape, made.buffer = name, tensor.shape, 0
    made.type = getattr(schema.TensorType, tensor.dtype.upper())
    made.shapeSignature = tensor.signature
    scales = tensor.scales or ((0.5,) if tensor.dtype in QUANTIZED else ())
    if scales:
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale, made.quantization.zeroPoint = list(scales), [tensor.zero] * len(scales)
        made.quantization.quantizedDimension = tensor.axis
    if tensor.values is not None:
        values = np.broadcast_to(np.asarray(tensor.values, _NUMPY[tensor.dtype]), tensor.shape)
        model.buffers.append(buffer(values.tobytes()))
        made.buffer = len(model.buffers) - 1
    return made


def _code(op: Op) -> Any:
    code = schema.OperatorCodeT()
    number = getattr(schema.BuiltinOperator, op.name, None)
    code.builtinCode = schema.BuiltinOperator.CUSTOM if number is None else number
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version, code.customCode = op.version, op.name if number is None else None
    return code


def _operator(op: Op, places: dict[str, int], code: int) -> Any:
    made = schema.OperatorT()
    made.opcodeIndex = code
    made.inputs = [places[name] if name else -1 for name in op.inputs]
    made.outputs = [places[name] for name in op.outputs]
    if op.custom:
        made.customOptions = np.frombuffer(op.custom, np.uint8)
    if op.options is not None:
        table = op.table or _table(op.name)
        made.builtinOptionsType = getattr(schema.BuiltinOptions, table)
        made.builtinOptions = getattr(schema, table + "T")()
        for key, value in op.options.items():
            setattr(made.builtinOptions, key, value)
    return made


def _table(name: str) -> str:
    special = {
        "CONV_2D": "Conv2DOptions",
        "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
        "AVERAGE_POOL_2D": "Pool2DOptions",
        "MAX_POOL_2D": "Pool2DOptions",
        "MEAN": "ReducerOptions",
        "SUM": "ReducerOptions",
        "BATCH_MATMUL": "BatchMatMulOptions",
    }
    return special.get(name, "".join(part.capitalize() for part in name.split("_")) + "Options")
