"""Reads what is inside a .tflite file, from the flatbuffer alone: no runtime is needed."""

from __future__ import annotations

from pathlib import Path

from harness.errors import ModelError
from harness.record import Quantization, Tensor
from harness.tflite.bounded import Corrupt
from harness.tflite.model import ModelInfo, OpInfo, TensorInfo

IDENTIFIER = b"TFL3"  # bytes 4 to 7 of every .tflite, as schema.fbs's file_identifier says


__all__ = [
    "ModelInfo", "OpInfo", "Quantization", "TensorInfo", "as_tensor", "read_model", "read_model_file",
]  # fmt: skip


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
