"""What is said of a cell's outputs: far from float32's, or not those that the CPU computes of the same file.

Where the bounds come from: docs/statistics.md, "How far is far".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.compare.doubts import Doubt

FAR_DB = 10.0  # of signal to noise: a third of the outputs' size is wrong
FEW_SAME = 0.5  # of the samples with the same top-1 class, of the rows of a list
ENOUGH_SAMPLES = 8  # fewer can disagree by chance

VARIANT = "variant-differs"
DELEGATE = "delegate-differs"
NO_SIGNAL = "no-signal"

Figures = Mapping[str, Any]  # `fidelity` of the result document


def is_far(figures: Figures) -> bool:
    """Whether outputs have too little in common with the reference's to be of use."""
    sqnr_db, same = figures["sqnr_db"], figures["top1_agreement"]
    return bool(
        (sqnr_db is not None and sqnr_db < FAR_DB)
        or (same is not None and same < FEW_SAME and figures["samples"] >= ENOUGH_SAMPLES)
        or (figures["same_rows"] is not None and figures["same_rows"] < FEW_SAME)
        or figures["collapsed"]
    )


def of_variant(figures: Figures | None) -> Iterator[Doubt]:
    """What is to be said of the fidelity to float32; nothing of the reference itself."""
    if figures is None:
        return
    if is_far(figures):
        yield Doubt(
            VARIANT,
            f"its outputs are far from {figures['reference']}'s: {describe(figures)}",
            "don't ship it like this: give --calibration inputs as the model will see them, or take a variant"
            " with a higher SQNR",
        )
    elif figures["sqnr_db"] is None and figures["max_abs_error"]:
        yield Doubt(
            NO_SIGNAL,
            f"{figures['reference']}'s outputs are zero for all samples{_of_output(figures)}: how far these"
            " are from them can't be said",
            "give --calibration inputs as the model will see them",
        )


def of_delegate(figures: Figures | None) -> Iterator[Doubt]:
    """What is to be said of outputs beside those of the same file on the CPU's own kernels.

    Kernels round differently, and some calculate in float what others quantize; that much noise is neither.
    """
    if figures is not None and is_far(figures):
        yield Doubt(
            DELEGATE,
            f"its outputs are not those of the same variant on cpu: {describe(figures)}; the delegate"
            " computes something else, and how fast it does that says little",
            "don't deploy it like this; report it to the delegate's makers",
        )


def describe(figures: Figures) -> str:
    """SQNR 3.2 dB in output scores, off by up to 0.41, same top-1 class in 43.7% of 16 samples."""
    sqnr_db, error, same = (figures[key] for key in ("sqnr_db", "max_abs_error", "top1_agreement"))
    parts = []
    if sqnr_db is not None:
        parts.append(f"SQNR {sqnr_db:.1f} dB{_of_output(figures)}, off by up to {error:.3g}")
    if same is not None:
        parts.append(f"same top-1 class in {same:.1%} of {figures['samples']} samples")
    if figures["same_rows"] is not None:
        parts.append(f"{figures['same_rows']:.0%} of the list's rows found again, in any order")
    if figures["collapsed"]:
        parts.append("the same outputs whatever the input")
    return ", ".join(parts)


def _of_output(figures: Figures) -> str:
    return f" in output {figures['output']}" if figures["output"] is not None else ""
