"""Variants whose files are on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from harness import cache
from harness.record import FailedVariant, Model, Tensor, Variant, Warning
from harness.tflite import ModelInfo, as_tensor, read_model


@dataclass(frozen=True)
class MadeVariant:
    """A variant whose file is on this machine."""

    variant: Variant
    path: Path  # in the cache, where it does not change
    given: Path | None = None  # the user's ready .tflite, of which `path` is a copy


@dataclass(frozen=True)
class VariantSet:
    """All variants of one model, and the inputs that their outputs are compared on."""

    model: Model
    variants: tuple[MadeVariant, ...] = ()
    failed: tuple[FailedVariant, ...] = ()
    inputs: Mapping[str, Path] = field(default_factory=dict)  # variant name -> .npz of sample inputs


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
        warnings=(*variant.warnings, *_of_signatures(info)),
    )


def _of_signatures(info: ModelInfo) -> Iterator[Warning]:
    """Warn about a file with several signatures, of which a runtime runs the first graph's by itself."""
    names = [one.name for one in info.signatures]
    first = [one.name for one in info.signatures if one.subgraph == 0]
    if len(names) > 1:
        what = f"its signature {first[0]}" if first else "none of its signatures"
        yield Warning(
            "several-signatures",
            f"measured is {what}, the first of {', '.join(names)}" if first else f"measured is {what}",
            "choose one with --signature",
        )


def inputs_of(variants: Sequence[MadeVariant]) -> dict[str, tuple[Tensor, ...]]:
    """Return variant name -> the inputs of its file."""
    return {made.variant.name: made.variant.inputs for made in variants}
