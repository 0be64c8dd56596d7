"""Read .tflite files. No runtime is needed: the flatbuffer alone is parsed."""

from __future__ import annotations

from pathlib import Path

from harness import files
from harness.errors import ModelError
from harness.tflite.model import ModelInfo, OpInfo, TensorInfo, as_tensor

__all__ = ["ModelInfo", "OpInfo", "TensorInfo", "as_tensor", "read_model", "read_model_file"]

IDENTIFIER = b"TFL3"  # bytes 4 to 7 of every .tflite, as schema.fbs's file_identifier says


def read_model(data: bytes, name: str = "model") -> ModelInfo:
    """Read the contents of a .tflite file; `name` stands for it in messages.

    Raises ModelError, one line, if it is not a whole model: empty, truncated or corrupt.
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
    """Read a .tflite file. Raises ModelError if it cannot be read or is not a whole model."""
    return read_model(files.read(path), str(path))
