"""Parse the flatbuffer of a .tflite without trusting it: offsets and lengths may point anywhere."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from harness.record import Quantization
from harness.tflite.bounded import BoundedReader, Corrupt
from harness.tflite.model import ModelInfo, OpInfo, Signature, TensorInfo
from harness.tflite.op_options import enum_names, read_options
from harness.tflite.scheme import detect_scheme

_BITS = {
    "float32": 32, "float16": 16, "bfloat16": 16, "float64": 64, "complex64": 64, "complex128": 128,
    "int2": 2, "int4": 4, "uint4": 4, "int8": 8, "uint8": 8, "bool": 8, "int16": 16, "uint16": 16,
    "int32": 32, "uint32": 32, "int64": 64, "uint64": 64,
}  # fmt: skip

_INTEGERS = {"int32": "i", "int64": "q"}  # the types of shapes, axes and paddings
_SMALL_CONSTANT = 256  # bytes: more than any shape, axes or paddings take

# What the generated accessors raise on nonsense.
_NONSENSE = (struct.error, ValueError, TypeError, IndexError, OverflowError, AttributeError)


Graph = tuple[tuple[OpInfo, ...], tuple[TensorInfo, ...]]  # ops and tensors of a subgraph


def parse(data: bytes) -> ModelInfo:
    """Read the model in `data`, which has the identifier TFL3. Raises Corrupt and nothing else."""
    try:
        return _Parser(data).model()
    except _NONSENSE:
        raise Corrupt("an offset or a length points outside the file") from None


def _count(number: int) -> str:
    return str(number) if number < 1 << 50 else "more than any machine has"


def _joined(graphs: Sequence[Graph]) -> Graph:
    """Return the ops of all subgraphs over one list of tensors."""
    ops: list[OpInfo] = []
    tensors: list[TensorInfo] = []
    for own_ops, own_tensors in graphs:
        by = len(tensors)
        tensors += own_tensors
        for op in own_ops:
            inputs, outputs = (tuple(i + by for i in ends) for ends in (op.inputs, op.outputs))
            ops.append(replace(op, inputs=inputs, outputs=outputs))
    return tuple(ops), tuple(tensors)


class _Parser:
    """One pass over a file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._read = BoundedReader(len(data))
        self._model = schema.Model.GetRootAs(data, 0)
        self._buffers = [self._buffer(i) for i in range(self._read.length(self._model, "Buffers"))]

    def model(self) -> ModelInfo:
        """Return the model. Raises Corrupt, or one of `_NONSENSE`."""
        count = self._read.length(self._model, "Subgraphs")
        if not count:
            raise Corrupt("there is no subgraph in it")
        codes = [
            self._code(self._model.OperatorCodes(i))
            for i in range(self._read.length(self._model, "OperatorCodes"))
        ]
        graphs = [self._graph(self._model.Subgraphs(i), codes) for i in range(count)]
        (ops, tensors), graph = graphs[0], self._model.Subgraphs(0)
        inputs = tuple(tensors[i] for i in self._read.indices(graph, "Inputs", len(tensors)))
        outputs = tuple(tensors[i] for i in self._read.indices(graph, "Outputs", len(tensors)))
        return ModelInfo(
            ops=ops,
            tensors=tensors,
            inputs=inputs,
            outputs=outputs,
            scheme=detect_scheme(*_joined(graphs), inputs, outputs),
            min_runtime_version=self._min_runtime_version(),
            description=self._read.text(self._model.Description()),
            subgraphs=count,
            size_bytes=len(self._data),
            elsewhere=frozenset(
                (op.name, op.version) for others, _ in graphs[1:] for op in others if not op.custom
            ),
            signatures=tuple(self._signatures()),
        )

    def _graph(self, graph: Any, codes: list[tuple[str, int, bool]]) -> Graph:
        tensors = tuple(self._tensor(i, graph.Tensors(i)) for i in range(self._read.length(graph, "Tensors")))
        operators = (graph.Operators(i) for i in range(self._read.length(graph, "Operators")))
        return tuple(self._op(operator, codes, len(tensors)) for operator in operators), tensors

    def _buffer(self, index: int) -> tuple[int, int]:
        """Return the start and size of a buffer. Models over 2 GB have them behind the flatbuffer."""
        buffer = self._model.Buffers(index)
        start, size = buffer.Offset(), buffer.Size()
        if start <= 1 or not size:  # 0: not used, 1: a placeholder, see schema.fbs
            start, size = 0, buffer.DataLength()
            if size:
                start = buffer._tab.Vector(buffer._tab.Offset(4))
        if start + size > len(self._data):
            raise Corrupt(f"buffer {index} reaches past the end of the file")
        return start, size

    def _tensor(self, index: int, tensor: Any) -> TensorInfo:
        name = self._read.name(tensor.Name(), f"tensor {index}")
        dtype = enum_names(schema.TensorType).get(tensor.Type(), f"type_{tensor.Type()}").lower()
        shape = tuple(self._read.vector(tensor, "Shape"))
        constant = self._is_constant(tensor, f"tensor {index} ({name[:40]!r})", dtype, shape)
        return TensorInfo(
            name=name,
            dtype=dtype,
            shape=shape,
            shape_signature=tuple(self._read.vector(tensor, "ShapeSignature")) or shape,
            quantization=self._quantization(tensor.Quantization()),
            constant=constant,
            values=self._values(tensor, dtype) if constant else None,
            sparse=tensor.Sparsity() is not None,
        )

    def _values(self, tensor: Any, dtype: str) -> tuple[int, ...] | None:
        """Read a small constant of integers: the axes, shape or paddings of an op."""
        letter = _INTEGERS.get(dtype)
        start, size = self._buffers[tensor.Buffer()] if not tensor.ExternalBuffer() else (0, 0)
        if letter is None or not 0 < size <= _SMALL_CONSTANT:
            return None
        count = size // struct.calcsize(letter)
        self._read.spend(size)
        return struct.unpack_from(f"<{count}{letter}", self._data, start)

    def _is_constant(self, tensor: Any, which: str, dtype: str, shape: tuple[int, ...]) -> bool:
        if tensor.ExternalBuffer():
            return True
        index = tensor.Buffer()
        if index >= len(self._buffers):
            if index == 0:  # "no buffer", also in a file without any
                return False
            raise Corrupt(f"{which} refers to buffer {index}, and there are {len(self._buffers)}")
        size = self._buffers[index][1]
        wanted = math.ceil(math.prod(shape) * _BITS.get(dtype, 0) / 8)
        if size and wanted and size != wanted and tensor.Sparsity() is None:
            sizes = "×".join(map(str, shape[:8]))  # noqa: RUF001 (the typographic sign is meant)
            raise Corrupt(f"{which} has {size} bytes of data, and {dtype}[{sizes}] takes {_count(wanted)}")
        return bool(size)

    def _quantization(self, quantization: Any) -> Quantization | None:
        scales = self._read.vector(quantization, "Scale") if quantization is not None else []
        if not scales:
            return None
        zero_points = self._read.vector(quantization, "ZeroPoint") or [0]
        if len(zero_points) == 1:
            zero_points = zero_points * len(scales)
        if len(zero_points) != len(scales):
            raise Corrupt(f"scales: {len(scales)}, but zero points: {len(zero_points)}")
        axis = quantization.QuantizedDimension() if len(scales) > 1 else None
        return Quantization(tuple(scales), tuple(zero_points), axis)

    def _code(self, code: Any) -> tuple[str, int, bool]:
        """Return (name, version, custom). Codes over 127 are in a second field: the larger one counts."""
        number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
        if number == schema.BuiltinOperator.CUSTOM:
            return self._read.name(code.CustomCode(), "a custom op") or "CUSTOM", code.Version(), True
        return enum_names(schema.BuiltinOperator).get(number, f"BUILTIN_{number}"), code.Version(), False

    def _op(self, operator: Any, codes: list[tuple[str, int, bool]], tensors: int) -> OpInfo:
        index = operator.OpcodeIndex()
        if index >= len(codes):
            raise Corrupt(f"an op refers to operator code {index}, and there are {len(codes)}")
        for options in (operator.BuiltinOptions(), operator.BuiltinOptions2()):
            if options is not None:
                options.Offset(4)  # raises if they are outside the file
        name, version, custom = codes[index]
        return OpInfo(
            name=name,
            version=version,
            custom=custom,
            inputs=self._read.indices(operator, "Inputs", tensors, optional=True),
            outputs=self._read.indices(operator, "Outputs", tensors, optional=True),
            options=read_options(operator),
            custom_options=self._custom_options(operator),
        )

    def _custom_options(self, operator: Any) -> bytes:
        if not operator.CustomOptionsLength():
            return b""
        array = operator.CustomOptionsAsNumpy()  # a view; ValueError if it reaches outside the file
        self._read.spend(array.nbytes)
        return bytes(array.tobytes())

    def _signatures(self) -> Iterator[Signature]:
        """Read the signatures, whose names have to be UTF-8: runtimes read them when they open the file."""
        for i in range(self._read.length(self._model, "SignatureDefs")):
            signature = self._model.SignatureDefs(i)
            name = self._read.name(signature.SignatureKey(), f"signature {i}")
            names: dict[str, dict[int, str]] = {"Inputs": {}, "Outputs": {}}
            for field, found in names.items():
                for j in range(self._read.length(signature, field)):
                    entry = getattr(signature, field)(j)
                    whose = f"one of the {field.lower()} of signature {i}"
                    found[entry.TensorIndex()] = self._read.name(entry.Name(), whose)
            yield Signature(name, signature.SubgraphIndex(), names["Inputs"])

    def _min_runtime_version(self) -> str | None:
        """Read the version, which the converter pads with NULs to 16 bytes."""
        for i in range(self._read.length(self._model, "Metadata")):
            entry = self._model.Metadata(i)
            if entry.Name() == b"min_runtime_version" and entry.Buffer() < len(self._buffers):
                start, size = self._buffers[entry.Buffer()]
                return self._read.text(self._data[start : start + min(size, 64)]).rstrip("\0") or None
        return None
