"""Read what edgetpu_compiler put into a model: the packages inside its `edgetpu-custom-op`s.

The custom options are a FlexBuffer map whose key "4" holds a flatbuffer with the identifier DWN1.
Source of that format: executable/executable.fbs of google-coral/libedgetpu (`Package`,
`MultiExecutable`, `Executable`); field numbers below are those of its tables, in order.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from harness.tflite.model import ModelInfo

CUSTOM_OP = "edgetpu-custom-op"
_IDENTIFIER = b"DWN1"
_EXECUTABLE_KEY = "4"
_MOST_EXECUTABLES = 64  # a package of today holds one or two

# Fields of the tables, by number in executable.fbs.
_MIN_RUNTIME, _MULTI_EXECUTABLE, _COMPILER = 0, 1, 4
_PARAMETERS, _CHIP, _TYPE = 6, 10, 13
_TYPES = ("STAND_ALONE", "PARAMETER_CACHING", "EXECUTION_ONLY")


@dataclass(frozen=True)
class Executable:
    """One of a package's programs for the Edge TPU."""

    type: str  # STAND_ALONE, PARAMETER_CACHING (uploaded once) or EXECUTION_ONLY
    chip: str
    parameter_bytes: int


@dataclass(frozen=True)
class Package:
    """One compiled part of a model. If it could not be read, `problem` is set and the rest is empty."""

    op: int  # index of the custom op
    min_runtime_version: int | None = None
    compiler: str = ""
    executables: tuple[Executable, ...] = ()
    problem: str | None = None

    @property
    def cached_bytes(self) -> int:
        """Parameters kept on the chip: those of PARAMETER_CACHING. The compiler reports at least as many."""
        return sum(e.parameter_bytes for e in self.executables if e.type == "PARAMETER_CACHING")

    @property
    def streamed_bytes(self) -> int:
        """Parameters that cross the bus with every inference."""
        return sum(e.parameter_bytes for e in self.executables if e.type != "PARAMETER_CACHING")


def is_compiled(model: ModelInfo) -> bool:
    """Return True for a model that is compiled for the Edge TPU."""
    return any(op.custom and op.name == CUSTOM_OP for op in model.ops)


def packages(model: ModelInfo) -> list[Package]:
    """Return the packages of a compiled model, in order; none if it is not compiled. Raises nothing."""
    return [
        _package(index, op.custom_options)
        for index, op in enumerate(model.ops)
        if op.custom and op.name == CUSTOM_OP
    ]


def _package(index: int, options: bytes) -> Package:
    try:
        return _read(index, _executable_bytes(options))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        return Package(index, problem=f"its package cannot be read: {error or type(error).__name__}")
    except (struct.error, OverflowError, MemoryError):
        return Package(index, problem="its package cannot be read: an offset points outside it")


def _executable_bytes(options: bytes) -> bytes:
    from flatbuffers import flexbuffers

    if len(options) < 3:  # the shortest FlexBuffer
        raise ValueError("it is empty")
    root = flexbuffers.GetRoot(bytearray(options))
    if not root.IsMap:
        raise ValueError("it is not a map")
    value = root.AsMap[_EXECUTABLE_KEY]
    data = value.AsBlob if value.IsBlob else value.AsStringBytes
    return bytes(data)


def _read(index: int, data: bytes) -> Package:
    if data[4:8] != _IDENTIFIER:
        raise ValueError(f"the identifier {_IDENTIFIER.decode()} is missing")
    package = _root(data)
    inner = _bytes(package, _MULTI_EXECUTABLE)
    return Package(
        op=index,
        min_runtime_version=_integer(package, _MIN_RUNTIME, "<i"),
        compiler=_bytes(package, _COMPILER).decode("utf-8", "replace"),
        executables=tuple(_executable(item) for item in _strings(_root(inner), 0)) if inner else (),
    )


def _executable(data: bytes) -> Executable:
    table = _root(data)
    number = _integer(table, _TYPE, "<h")
    return Executable(
        type=_TYPES[number] if 0 <= number < len(_TYPES) else f"type {number}",
        chip=_bytes(table, _CHIP).decode("utf-8", "replace"),
        parameter_bytes=len(_bytes(table, _PARAMETERS)),
    )


def _root(data: bytes) -> Any:
    from flatbuffers.table import Table

    (start,) = struct.unpack_from("<I", data)
    if start + 4 > len(data):
        raise ValueError("an offset points outside it")
    return Table(bytearray(data), start)


def _offset(table: Any, number: int) -> int:
    return int(table.Offset(4 + 2 * number))


def _integer(table: Any, number: int, form: str) -> int:
    offset = _offset(table, number)
    return int(struct.unpack_from(form, table.Bytes, table.Pos + offset)[0]) if offset else 0


def _bytes(table: Any, number: int) -> bytes:
    """Read a string or a vector of bytes."""
    offset = _offset(table, number)
    return _vector_at(table, table.Pos + offset) if offset else b""


def _strings(table: Any, number: int) -> list[bytes]:
    offset = _offset(table, number)
    if not offset:
        return []
    start, count = table.Vector(offset), table.VectorLen(offset)
    if count > _MOST_EXECUTABLES:
        raise ValueError(f"it counts {count} executables")
    return [_vector_at(table, start + 4 * i) for i in range(count)]


def _vector_at(table: Any, position: int) -> bytes:
    """Read what the offset at `position` points to: a length, then so many bytes."""
    start = position + struct.unpack_from("<I", table.Bytes, position)[0]
    (length,) = struct.unpack_from("<I", table.Bytes, start)
    if start + 4 + length > len(table.Bytes):
        raise ValueError("a length points outside it")
    return bytes(table.Bytes[start + 4 : start + 4 + length])
