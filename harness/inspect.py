"""What is inside a .tflite file, read from the flatbuffer alone (no runtime needed)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quantization:
    """real = (q - zero_point) * scale; one scale per tensor, or one per slice along `axis`."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None  # None: per tensor


@dataclass(frozen=True)
class TensorInfo:
    name: str
    dtype: str  # numpy's name, or "string", "resource", "variant", "int4", …
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]  # -1 where a dimension is dynamic
    quantization: Quantization | None
    constant: bool


@dataclass(frozen=True)
class OpInfo:
    name: str  # CONV_2D, … or the custom op's own name
    version: int
    custom: bool
    inputs: tuple[int, ...]  # indices into ModelInfo.tensors; absent optional inputs left out
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class ModelInfo:
    """The primary subgraph of a .tflite file."""

    ops: tuple[OpInfo, ...]
    tensors: tuple[TensorInfo, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    scheme: str  # float32 float16 dynamic int8_float int8 uint8 int16x8 mixed
    min_runtime_version: str | None  # what the converter wrote into the file's metadata, e.g. "2.17.0"
    description: str
    subgraphs: int
