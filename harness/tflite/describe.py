"""A model as the document that `qbench inspect --json` writes."""

from __future__ import annotations

import math
from collections import Counter
from typing import Literal

from msgspec import Struct

from harness.tflite import work
from harness.tflite.edgetpu_package import Executable, Package, is_compiled, packages
from harness.tflite.model import ModelInfo, OpInfo, TensorInfo


class PerAxis(Struct, frozen=True):
    """Quantization with one scale per slice along an axis; `scales` is their number."""

    per: Literal["axis"]
    axis: int
    scales: int


class PerTensor(Struct, frozen=True):
    """Quantization with one scale for the whole tensor."""

    per: Literal["tensor"]
    scales: Literal[1]
    scale: float | None  # None: not finite
    zero_point: int


class DescribedTensor(Struct, frozen=True):
    """A tensor of the graph."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]  # -1 for a dynamic dimension
    constant: bool
    quantization: PerAxis | PerTensor | None


class DescribedOp(Struct, frozen=True):
    """An op of the primary subgraph."""

    index: int
    op: str
    version: int
    custom: bool
    inputs: tuple[DescribedTensor, ...]
    outputs: tuple[DescribedTensor, ...]
    options: dict[str, int | float | str]  # by the names of schema.fbs; text for a value that is not finite
    macs: int | None  # multiply-accumulates; None: not defined for this op
    parameters: int


class DescribedPackage(Struct, frozen=True):
    """One part that is compiled for the Edge TPU; sizes are of its parameters."""

    op: int
    min_runtime_version: int | None
    compiler: str
    executables: tuple[Executable, ...]
    problem: str | None
    cached_bytes: int
    streamed_bytes: int


class Description(Struct, frozen=True):
    """The contents of a .tflite file.

    `macs` and `parameters` are lower bounds where `macs_at_least` and `parameters_at_least` are true, and
    None for a model that is compiled for the Edge TPU.
    """

    scheme: str
    size_bytes: int
    description: str
    min_runtime_version: str | None
    subgraphs: int
    signatures: tuple[str, ...]
    inputs: tuple[DescribedTensor, ...]
    outputs: tuple[DescribedTensor, ...]
    parameters: int | None
    parameters_at_least: bool
    macs: int | None
    macs_at_least: bool
    op_counts: dict[str, int]  # most frequent first
    custom_ops: tuple[str, ...]
    edgetpu: tuple[DescribedPackage, ...]
    ops: tuple[DescribedOp, ...]


def describe(model: ModelInfo) -> Description:
    """Return the document for a model."""
    counts = [work.macs(op, model) for op in model.ops]
    compiled = is_compiled(model)
    return Description(
        scheme=model.scheme,
        size_bytes=model.size_bytes,
        description=model.description,
        min_runtime_version=model.min_runtime_version,
        subgraphs=model.subgraphs,
        signatures=tuple(one.name for one in model.signatures),
        inputs=tuple(map(_tensor, model.inputs)),
        outputs=tuple(map(_tensor, model.outputs)),
        parameters=None if compiled else work.total_parameters(model),
        parameters_at_least=work.calls_others(model),
        macs=None if compiled else sum(count or 0 for count in counts),
        macs_at_least=any(work.uncounted(op, model) for op in model.ops),
        op_counts=dict(Counter(op.name for op in model.ops).most_common()),
        custom_ops=tuple(sorted({op.name for op in model.ops if op.custom})),
        edgetpu=tuple(map(_package, packages(model))),
        ops=tuple(_op(i, op, model, counts[i]) for i, op in enumerate(model.ops)),
    )


def _op(index: int, op: OpInfo, model: ModelInfo, macs: int | None) -> DescribedOp:
    return DescribedOp(
        index=index,
        op=op.name,
        version=op.version,
        custom=op.custom,
        inputs=tuple(_tensor(model.tensors[i]) for i in op.inputs),
        outputs=tuple(_tensor(model.tensors[i]) for i in op.outputs),
        options={k: value if math.isfinite(value) else str(value) for k, value in op.options.items()},
        macs=macs,
        parameters=work.parameters(op, model),
    )


def _tensor(tensor: TensorInfo) -> DescribedTensor:
    return DescribedTensor(
        tensor.name,
        tensor.dtype,
        tensor.shape,
        tensor.shape_signature,
        tensor.constant,
        _quantization(tensor),
    )


def _quantization(tensor: TensorInfo) -> PerAxis | PerTensor | None:
    quantization = tensor.quantization
    if quantization is None:
        return None
    if quantization.axis is not None:
        return PerAxis("axis", quantization.axis, len(quantization.scales))
    scale = quantization.scales[0]
    return PerTensor("tensor", 1, scale if math.isfinite(scale) else None, quantization.zero_points[0])


def _package(package: Package) -> DescribedPackage:
    return DescribedPackage(
        package.op,
        package.min_runtime_version,
        package.compiler,
        package.executables,
        package.problem,
        package.cached_bytes,
        package.streamed_bytes,
    )
