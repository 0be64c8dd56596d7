"""Reads what is inside a .tflite file, from the flatbuffer alone: no runtime is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import ModelError
from harness.record import Quantization, Tensor

IDENTIFIER = b"TFL3"  # bytes 4 to 7 of every .tflite, as schema.fbs's file_identifier says


__all__ = [
    "ModelInfo", "OpInfo", "Quantization", "TensorInfo", "as_tensor", "read_model", "read_model_file",
]  # fmt: skip


@dataclass(frozen=True)
class TensorInfo:
    """A tensor of the graph."""

    name: str
    dtype: str  # numpy's name, or "string", "resource", "variant", "int4", …
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]  # -1 for a dynamic dimension
    quantization: Quantization | None
    constant: bool
    values: tuple[int, ...] | None = None  # of small integer constants: axes, shapes, paddings, strides
    sparse: bool = False


@dataclass(frozen=True)
class OpInfo:
    """An op of the graph."""

    name: str  # CONV_2D, … or the custom op's own name
    version: int
    custom: bool
    inputs: tuple[int, ...]  # indices into ModelInfo.tensors; absent optional inputs left out
    outputs: tuple[int, ...]
    options: Mapping[str, int | float] = field(default_factory=dict)  # see op_options
    custom_options: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class ModelInfo:
    """The primary subgraph of a .tflite file; `scheme` is that of all of them."""

    ops: tuple[OpInfo, ...]
    tensors: tuple[TensorInfo, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    scheme: str  # float32 float16 dynamic int8_float int8 uint8 int16x8 mixed
    min_runtime_version: str | None  # what the converter wrote into the file's metadata, e.g. "2.17.0"
    description: str
    subgraphs: int
    size_bytes: int = 0
    elsewhere: frozenset[tuple[str, int]] = frozenset()  # builtin ops of other subgraphs, their versions


def as_tensor(info: TensorInfo) -> Tensor:
    """The tensor as the record keeps it: without what only the graph needs."""
    return Tensor(info.name, info.dtype, info.shape, info.shape_signature, info.quantization)


def read_model(data: bytes, name: str = "model") -> ModelInfo:
    """What is inside a .tflite; `name` is what messages call it.

    Raises ModelError, one line, for anything that is not a whole model: empty, truncated, corrupt.
    """
    if not data:
        raise ModelError(f"{name}: not a valid .tflite: the file is empty")
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise ModelError(
            f'{name}: not a valid .tflite: the identifier "{IDENTIFIER.decode()}" is missing at byte 4'
        )
    from harness.tflite.bounded import Corrupt
    from harness.tflite.flatbuffer import parse  # imports the schema, 0.1 s

    try:
        return parse(data)
    except Corrupt as error:
        raise ModelError(f"{name}: not a valid .tflite: {error}") from None


def read_model_file(path: Path) -> ModelInfo:
    """`read_model` of a file. Raises ModelError, also if the file cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    return read_model(data, str(path))
