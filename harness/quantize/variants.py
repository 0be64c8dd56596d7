"""Variants whose files are on this machine."""
# ruff: noqa: RUF001 (the typographic sign is meant)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from delegates.wire import Output
from harness import cache
from harness.record import Evaluation, FailedVariant, Model, Tensor, Variant, Warning
from harness.tflite import ModelInfo, as_tensor, read_model


@dataclass(frozen=True)
class MadeVariant:
    """A variant whose file is on this machine."""

    variant: Variant
    path: Path  # in the cache, where it does not change
    given: Path | None = None  # the user's ready .tflite, of which `path` is a copy


@dataclass(frozen=True)
class EvaluationSet:
    """Labelled samples in a fixed random order, as files for the variants of a set.

    keep: what is kept of outputs (delegates.wire). labels: the classes, for the record; None for other
    metrics.
    given: the labels as they were given, for a user's metric.
    """

    record: Evaluation
    keep: str
    inputs: Mapping[str, Path] = field(default_factory=dict)  # variant name -> .npz
    labels: Output | None = None
    given: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class VariantSet:
    """All variants of one model, and the inputs that their outputs are compared on."""

    model: Model
    variants: tuple[MadeVariant, ...] = ()
    failed: tuple[FailedVariant, ...] = ()
    inputs: Mapping[str, Path] = field(default_factory=dict)  # variant name -> .npz of sample inputs
    missing: Mapping[str, int] = field(default_factory=dict)  # not in the cache: name -> place among all
    shape: str | None = None  # of what is missing, as of all variants
    signature: str | None = None
    evaluation: EvaluationSet | None = None


def described(variant: Variant, data: bytes, where: str) -> Variant:
    """Return the variant with what its file says. Raises ModelError if that is not a .tflite."""
    info = read_model(data, where)
    return replace(
        variant,
        scheme=info.scheme,
        size_bytes=len(data),
        sha256=cache.digest(data),
        inputs=tuple(map(as_tensor, info.inputs)),
        outputs=tuple(map(as_tensor, info.outputs)),
        custom_ops=tuple(sorted({op.name for op in info.ops if op.custom})),
        warnings=(*variant.warnings, *_of_inputs(info)),
    )


def _of_inputs(info: ModelInfo) -> Iterator[Warning]:
    """Warn about what nobody chose: sizes of free dimensions but the batch, one of several signatures."""
    free = [tensor for tensor in info.inputs if -1 in tensor.shape_signature[1:]]
    if free:
        shapes = ", ".join("×".join(map(str, tensor.shape)) for tensor in free)
        yield Warning(
            "free-dimensions",
            f"its inputs have free dimensions; measured at {shapes}, the sizes in the file",
            "choose sizes with --shape",
        )
    if len(info.signatures) > 1:
        first = next((one.name for one in info.signatures if one.subgraph == 0), "none of them")
        names = ", ".join(one.name for one in info.signatures)
        yield Warning(
            "several-signatures",
            f"it has the signatures {names}; measured is {first}",
            "choose one with --signature",
        )


def inputs_of(variants: Sequence[MadeVariant]) -> dict[str, tuple[Tensor, ...]]:
    """Return variant name -> the inputs of its file."""
    return {made.variant.name: made.variant.inputs for made in variants}
