"""Warnings about outputs that differ from float32's, or from the CPU's with the same file."""

from __future__ import annotations

from collections.abc import Iterator

from harness.analysis.distance import describe, is_far, of_output
from harness.record import Fidelity, Warning

NOT_COMPARED = "not-compared"


def of_nonfinite(count: int) -> Iterator[Warning]:
    """Warn about output values that are NaN or infinite."""
    if count:
        verb = "value is" if count == 1 else "values are"
        yield Warning("nan-output", f"{count} output {verb} NaN or infinite")


def of_variant(figures: Fidelity | None, finite: bool = True) -> Iterator[Warning]:
    """Warn about a variant whose outputs are far from the reference's, or can't be judged.

    finite: whether the variant's own outputs are finite.
    """
    if figures is None:
        return
    if is_far(figures):
        yield Warning(
            "variant-differs",
            f"its outputs are far from {figures.reference}'s: {describe(figures)}",
            "don't ship it like this: give --calibration inputs as the model will see them, or take a variant"
            " with a higher SQNR",
        )
    elif figures.sqnr_db is None and figures.max_abs_error is None and finite:
        yield not_compared(f"{figures.reference}'s are NaN or infinite")
    elif figures.sqnr_db is None and figures.max_abs_error and not figures.labels:
        yield Warning(
            "no-signal",
            f"{figures.reference}'s outputs are zero for all samples{of_output(figures)}: how far these"
            " are from them can't be said",
            "give --calibration inputs as the model will see them",
        )


def not_compared(why: str) -> Warning:
    """Return the warning about outputs that could not be compared with any other's."""
    return Warning(
        NOT_COMPARED,
        f"its outputs were not compared with any other's: {why}; whether they are right is not known",
    )


def of_samples(samples: int, others: int) -> Iterator[Warning]:
    """Warn about a cell that was compared on fewer samples than the others."""
    if samples < others:
        yield Warning(
            "fewer-samples",
            f"compared on {samples} of {others} samples, there was no time for more: SQNR and top-1 are of"
            " these alone, and not to be set beside the other cells'",
        )


def of_delegate(figures: Fidelity | None) -> Iterator[Warning]:
    """Warn about outputs that are far from those of the same file on the CPU.

    Kernels round differently, and some calculate in float what others quantize; this is for larger noise.
    """
    if figures is not None and is_far(figures):
        yield Warning(
            "delegate-differs",
            f"its outputs are not those of the same variant on cpu: {describe(figures)}; the delegate"
            " computes something else, and how fast it does that says little",
            "don't deploy it like this; report it to the delegate's makers",
        )
