"""Warnings about outputs: far from float32's, or not those that the CPU computes of the same file."""

from __future__ import annotations

from collections.abc import Iterator

from harness.analysis.distance import Figures, describe, is_far, of_output
from harness.analysis.warnings import Doubt

VARIANT = "variant-differs"
DELEGATE = "delegate-differs"
NO_SIGNAL = "no-signal"
NOT_COMPARED = "not-compared"
FEWER_SAMPLES = "fewer-samples"


def of_variant(figures: Figures | None, finite: bool = True) -> Iterator[Doubt]:
    """The warnings about a cell's fidelity to float32; never about the reference itself.

    finite: whether the variant's own outputs are numbers.
    """
    if figures is None:
        return
    if is_far(figures):
        yield Doubt(
            VARIANT,
            f"its outputs are far from {figures['reference']}'s: {describe(figures)}",
            "don't ship it like this: give --calibration inputs as the model will see them, or take a variant"
            " with a higher SQNR",
        )
    elif figures["sqnr_db"] is None and figures["max_abs_error"] is None and finite:
        yield not_compared(f"{figures['reference']}'s are NaN or infinite")
    elif figures["sqnr_db"] is None and figures["max_abs_error"] and not figures["labels"]:
        yield Doubt(
            NO_SIGNAL,
            f"{figures['reference']}'s outputs are zero for all samples{of_output(figures)}: how far these"
            " are from them can't be said",
            "give --calibration inputs as the model will see them",
        )


def not_compared(why: str) -> Doubt:
    """Of outputs without a fidelity: whatever is said of their cell, nothing is known of what it computes."""
    return Doubt(
        NOT_COMPARED,
        f"its outputs were not compared with any other's: {why}; whether they are right is not known",
    )


def of_samples(samples: int, others: int) -> Iterator[Doubt]:
    """The warning about a cell compared on fewer samples than the other cells."""
    if samples < others:
        yield Doubt(
            FEWER_SAMPLES,
            f"compared on {samples} of {others} samples, there was no time for more: SQNR and top-1 are of"
            " these alone, and not to be set beside the other cells'",
        )


def of_delegate(figures: Figures | None) -> Iterator[Doubt]:
    """The warning about outputs that are not those of the same file on the CPU's own kernels.

    Kernels round differently, and some calculate in float what others quantize; that much noise is neither.
    """
    if figures is not None and is_far(figures):
        yield Doubt(
            DELEGATE,
            f"its outputs are not those of the same variant on cpu: {describe(figures)}; the delegate"
            " computes something else, and how fast it does that says little",
            "don't deploy it like this; report it to the delegate's makers",
        )
