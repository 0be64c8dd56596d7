"""What is inside a .tflite file, read from the flatbuffer alone (no runtime needed)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError
from harness.record import Quantization, Tensor

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

IDENTIFIER = b"TFL3"  # bytes 4 to 7 of every .tflite, as schema.fbs's file_identifier says


__all__ = [
    "ModelInfo", "OpInfo", "Quantization", "TensorInfo", "as_tensor", "dequantize", "read_model",
    "read_model_file",
]  # fmt: skip


@dataclass(frozen=True)
class TensorInfo:
    """A tensor of the graph."""

    name: str
    dtype: str  # numpy's name, or "string", "resource", "variant", "int4", …
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]  # -1 where a dimension is dynamic
    quantization: Quantization | None
    constant: bool
    values: tuple[int, ...] | None = None  # of small integer constants: axes, shapes, paddings, strides
    sparse: bool = False


@dataclass(frozen=True)
class OpInfo:
    name: str  # CONV_2D, … or the custom op's own name
    version: int
    custom: bool
    inputs: tuple[int, ...]  # indices into ModelInfo.tensors; absent optional inputs left out
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)  # scalars of schema.fbs's options table, by name
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
    """What is inside a .tflite; `name` is how complaints call it.

    Raises ModelError, one line, for anything that is not a whole model: empty, truncated, corrupt.
    """
    if not data:
        raise ModelError(f"{name}: not a valid .tflite: the file is empty")
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise ModelError(
            f'{name}: not a valid .tflite: the identifier "{IDENTIFIER.decode()}" is missing at byte 4'
        )
    from harness.tflite.flatbuffer import Corrupt, parse  # imports the schema, 0.1 s

    try:
        return parse(data)
    except Corrupt as error:
        raise ModelError(f"{name}: not a valid .tflite: {error}") from None


def read_model_file(path: Path) -> ModelInfo:
    """`read_model` of a file. Raises ModelError, also where the file cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    return read_model(data, str(path))


def dequantize(values: npt.ArrayLike, quantization: Quantization) -> npt.NDArray[np.float32]:
    """Real values, same shape as `values`: real = (q - zero_point) * scale, per tensor or per axis.

    Source: TensorFlow Lite 8-bit quantization specification, "Specification summary"; computed in
    double precision and rounded once, as TFLite's reference kernel does. Raises ValueError where the
    number of scales does not fit the axis.
    """
    import numpy as np

    array = np.asarray(values)
    scales = np.asarray(quantization.scales, np.float64)
    zero_points = np.asarray(quantization.zero_points, np.float64)
    if quantization.axis is not None:
        shape = [1] * array.ndim
        shape[quantization.axis] = -1
        scales, zero_points = scales.reshape(shape), zero_points.reshape(shape)
        if scales.shape[quantization.axis] != array.shape[quantization.axis]:
            raise ValueError(f"{scales.size} scales for shape {array.shape} along axis {quantization.axis}")
    return ((array.astype(np.float64) - zero_points) * scales).astype(np.float32)
