"""The builds of XNNPACK that were tested, and the types that each has kernels for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from harness.accelerators.ops import EIGHT_BIT, OpView
from harness.accelerators.tables import OpNames, read_table
from harness.tflite import TensorInfo
from harness.versions import Version

_FLOATS = frozenset({"float32", "float16"})
_WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL", "TRANSPOSE_CONV"})
_OPERANDS = frozenset(
    {"ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "PRELU", "CONCATENATION"}
)
_INT8_ONLY = frozenset({"BATCH_MATMUL", "ELU"})


class Build(Struct, frozen=True, forbid_unknown_fields=True):
    """A build of XNNPACK's delegate; xnnpack.toml describes the fields."""

    runtime: str
    version: Version
    float_ops: OpNames
    quantized_ops: OpNames
    weights_only_ops: OpNames
    most_concatenated: int
    any_reduction: bool
    any_slope: bool
    open_slices: bool
    dynamic_graphs: bool
    integer_graphs: bool
    takes_too_much: bool

    @property
    def target(self) -> str:
        """Runtime and version, as predictions name it."""
        return f"{self.runtime} {'.'.join(map(str, self.version))}"

    @property
    def computes_in_8_bit(self) -> bool:
        """True if the build has kernels for quantized convolutions."""
        return "CONV_2D" in self.quantized_ops


class SameAs(Struct, frozen=True, forbid_unknown_fields=True):
    """A build that supports the same ops as another one, except some."""

    runtime: str
    version: Version
    build: Literal["older", "newer"]
    without: OpNames


class Builds(Struct, frozen=True, forbid_unknown_fields=True):
    """xnnpack.toml."""

    older: Build
    newer: Build
    same_as: tuple[SameAs, ...]


@cache
def _table() -> Builds:
    return read_table("harness.accelerators.xnnpack", "xnnpack.toml", Builds)


def builds() -> tuple[Build, Build]:
    """Return the older and the newer build that were tested op by op."""
    return _table().older, _table().newer


def others() -> tuple[Build, ...]:
    """Return the builds that support the same ops as one of those two, except some."""
    return tuple(map(_like_another, _table().same_as))


def _like_another(same: SameAs) -> Build:
    base: Build = getattr(_table(), same.build)
    kept = OpNames(base.float_ops - same.without)
    return replace(base, runtime=same.runtime, version=same.version, float_ops=kept)


def type_reason(view: OpView, build: Build) -> str | None:
    """Return why no kernel supports the types of this op; None if one does."""
    if view.inputs and view.outputs and _has_kernel(view, build):
        return None
    tensors = (*view.inputs[:2], *view.outputs[:1])
    eight_bit = [t.dtype for t in tensors if t.dtype in EIGHT_BIT and not t.constant]
    if any(t.dtype == "int16" for t in tensors):
        return "XNNPACK has no int16 kernels"
    if eight_bit:
        return _no_8_bit_kernel(view, build, eight_bit)
    if any(t.dtype == "int8" for t in tensors):
        return f"no kernel in {_whose(view, build)} for int8 weights with float inputs"
    if view.name not in build.float_ops:
        return f"no kernel in {_whose(view, build)}"
    computed = dict.fromkeys(tensor.dtype for tensor in view.activations)
    return f"no kernel in XNNPACK for {' and '.join(computed) or 'constants alone'}"


def _whose(view: OpView, build: Build) -> str:
    """Return "XNNPACK", or "XNNPACK of BUILD" if the newest build has a kernel."""
    newest = builds()[1]
    if build.runtime == newest.runtime or type_reason(view, newest) is not None:
        return "XNNPACK"
    return f"XNNPACK of {build.target}"


def _no_8_bit_kernel(view: OpView, build: Build, kinds: Sequence[str]) -> str:
    if view.name == "QUANTIZE" and len(set(kinds)) > 1:
        return "XNNPACK does not convert between int8 and uint8"
    if view.name in build.quantized_ops and any(_per_channel(t) for t in (*view.inputs[:2], *view.outputs)):
        return "no kernel in XNNPACK for tensors with one scale per channel here"
    if view.name not in builds()[1].float_ops | builds()[1].quantized_ops:
        return "no kernel in XNNPACK"
    return f"no {kinds[0]} kernel in {_whose(view, build)}"


def _per_channel(tensor: TensorInfo) -> bool:
    return tensor.quantization is not None and tensor.quantization.axis is not None


def _has_kernel(view: OpView, build: Build) -> bool:
    source, target = _data(view), view.outputs[0]
    if view.name in {"QUANTIZE", "DEQUANTIZE"}:
        return view.name in build.quantized_ops and _converts(view)
    if source.dtype != target.dtype:
        return False
    if target.dtype in _FLOATS:
        weights = _weights(view)
        if weights is not None and weights.dtype == "int8":
            return view.name in build.weights_only_ops
        return view.name in build.float_ops and _agree(view)
    known = view.name in build.quantized_ops and (view.name not in _INT8_ONLY or target.dtype == "int8")
    return known and _plain(source) and _plain(target) and _agree(view)


def _converts(view: OpView) -> bool:
    source, target = view.inputs[0], view.outputs[0]
    if view.name == "QUANTIZE":
        return source.dtype in EIGHT_BIT | {"float32"} and _plain(target)
    return _plain(source) and target.dtype == "float32"


def _data(view: OpView) -> TensorInfo:
    """Return the input that holds the data."""
    place = {"TRANSPOSE_CONV": 2, "SPLIT": 1}.get(view.name, 0)
    return view.inputs[place if place < len(view.inputs) else 0]


def _weights(view: OpView) -> TensorInfo | None:
    return view.inputs[1] if view.name in _WEIGHTED and len(view.inputs) > 1 else None


def _plain(tensor: TensorInfo) -> bool:
    """Return True for an 8-bit tensor with one scale."""
    return tensor.dtype in EIGHT_BIT and tensor.quantization is not None and tensor.quantization.axis is None


def _agree(view: OpView) -> bool:
    """Return True if operands, weights and outputs have one type; sizes, axes and biases do not count."""
    tensors = list(view.outputs)
    if view.name in _OPERANDS:
        tensors += view.inputs
    elif (weights := _weights(view)) is not None:
        tensors.append(weights)
    return len({tensor.dtype for tensor in tensors}) == 1
