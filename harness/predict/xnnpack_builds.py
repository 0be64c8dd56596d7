"""The builds of XNNPACK that were asked, read from xnnpack.toml, and the types each has kernels for."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from delegates.registry import DELEGATES
from harness.inspect import TensorInfo
from harness.predict import loading
from harness.predict.ops import EIGHT_BIT, OpView

_FLOATS = frozenset({"float32", "float16"})
_WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL", "TRANSPOSE_CONV"})
_OPERANDS = frozenset(
    {"ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "PRELU", "CONCATENATION"}
)


@dataclass(frozen=True)
class Build:
    """One build, with the meanings that xnnpack.toml gives to the fields."""

    runtime: str
    version: loading.Version
    float_ops: frozenset[str]
    quantized_ops: frozenset[str]
    weights_only_ops: frozenset[str]
    most_concatenated: int
    any_reduction: bool
    any_slope: bool
    open_slices: bool
    dynamic_graphs: bool


@cache
def builds() -> tuple[Build, Build]:
    """The older and the newer one that were asked."""
    tables = tomllib.loads(_text())
    return _build(tables["older"]), _build(tables["newer"])


@cache
def others() -> tuple[Build, ...]:
    """Builds of other runtimes that came out like one of those two but for some ops."""
    tables = tomllib.loads(_text())
    return tuple(
        replace(
            base,
            runtime=table["runtime"],
            version=loading.parse_version(table["version"]),
            float_ops=base.float_ops - set(table["without"].split()),
        )
        for table in tables["same_as"]
        for base in (_build(tables[table["build"]]),)
    )


def _text() -> str:
    return resources.files("harness.predict").joinpath("xnnpack.toml").read_text("utf-8")


def _build(table: Mapping[str, Any]) -> Build:
    ops = {key: frozenset(value.split()) for key, value in table.items() if key.endswith("_ops")}
    return Build(**{**table, **ops, "version": loading.parse_version(table["version"])})


def type_reason(view: OpView, build: Build) -> str | None:
    """Why there is no kernel for the types of this op, in the delegate's own words where it has some."""
    if view.inputs and view.outputs and _has_kernel(view, build):
        return None
    kinds = [tensor.dtype + (" weights" if tensor.constant else "") for tensor in view.inputs[:2]]
    kinds += [tensor.dtype for tensor in view.outputs[:1]]
    said = DELEGATES["xnnpack"].why_not(view.name, kinds, build.runtime, ".".join(map(str, build.version)))
    computed = dict.fromkeys(tensor.dtype for tensor in view.activations)
    return said or f"no kernel in XNNPACK for {' and '.join(computed) or 'constants alone'}"


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
    known = view.name in build.quantized_ops and (view.name != "BATCH_MATMUL" or target.dtype == "int8")
    return known and _plain(source) and _plain(target) and _agree(view)


def _converts(view: OpView) -> bool:
    source, target = view.inputs[0], view.outputs[0]
    if view.name == "QUANTIZE":
        return source.dtype in EIGHT_BIT | {"float32"} and _plain(target)
    return _plain(source) and target.dtype == "float32"


def _data(view: OpView) -> TensorInfo:
    """The input that is computed upon, wherever it stands."""
    place = {"TRANSPOSE_CONV": 2, "SPLIT": 1}.get(view.name, 0)
    return view.inputs[place if place < len(view.inputs) else 0]


def _weights(view: OpView) -> TensorInfo | None:
    return view.inputs[1] if view.name in _WEIGHTED and len(view.inputs) > 1 else None


def _plain(tensor: TensorInfo) -> bool:
    """8-bit with one scale for the whole tensor."""
    return tensor.dtype in EIGHT_BIT and tensor.quantization is not None and tensor.quantization.axis is None


def _agree(view: OpView) -> bool:
    """Operands, weights and outputs are of one type; sizes, axes and biases are not asked."""
    asked = list(view.outputs)
    if view.name in _OPERANDS:
        asked += view.inputs
    elif (weights := _weights(view)) is not None:
        asked.append(weights)
    return len({tensor.dtype for tensor in asked}) == 1
