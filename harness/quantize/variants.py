"""Variants whose files are on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from delegates.wire import Output
from harness import cache
from harness.record import Evaluation, FailedVariant, Model, Tensor, Variant
from harness.tflite import as_tensor, read_model


@dataclass(frozen=True)
class MadeVariant:
    """A variant whose file is on this machine."""

    variant: Variant
    path: Path  # in the cache, where it does not change
    given: Path | None = None  # the user's ready .tflite, of which `path` is a copy


@dataclass(frozen=True)
class EvaluationSet:
    """Labelled samples in a fixed random order, as files for the variants.

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
    )


def inputs_of(variants: Sequence[MadeVariant]) -> dict[str, tuple[Tensor, ...]]:
    """Return variant name -> the inputs of its file."""
    return {made.variant.name: made.variant.inputs for made in variants}
