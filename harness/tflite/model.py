"""The contents of a .tflite file as plain objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.record import Quantization, Tensor


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
class Signature:
    """A signature: a name for a subgraph. inputs: their names in it, by index of the tensor."""

    name: str
    subgraph: int
    inputs: Mapping[int, str]


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
    signatures: tuple[Signature, ...] = ()  # of all subgraphs


def as_tensor(info: TensorInfo) -> Tensor:
    """Return the tensor as the record stores it: without what only the graph needs."""
    return Tensor(info.name, info.dtype, info.shape, info.shape_signature, info.quantization)
