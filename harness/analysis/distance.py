"""The distance of outputs from their reference: the bound beyond which they are of no use, and words.

Where the bounds come from: docs/statistics.md, "How far is far". Reads a stored document's `fidelity`, and
needs no numpy for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FAR_DB = 10.0  # of signal to noise: a third of the outputs' size is wrong
FEW_SAME = 0.5  # of the samples with the same top-1 class, of the rows of a list
ENOUGH_SAMPLES = 8  # fewer can disagree by chance

Figures = Mapping[str, Any]  # `fidelity` of the result document


def is_far(figures: Figures) -> bool:
    """True for outputs that have too little in common with the reference's to be of use.

    Runs that were stored before some of the figures were taken are judged by those they have.
    """
    shares = (figures.get(key) for key in ("top1_agreement", "same_rows", "same_labels"))
    sqnr_db, (same, rows, labels) = figures.get("sqnr_db"), shares
    return bool(
        (sqnr_db is not None and sqnr_db < FAR_DB)
        or (same is not None and same < FEW_SAME and figures.get("samples", 0) >= ENOUGH_SAMPLES)
        or (rows is not None and rows < FEW_SAME)
        or (labels is not None and labels < FEW_SAME and figures["labels"] >= ENOUGH_SAMPLES)
        or figures.get("collapsed")
    )


def describe(figures: Figures) -> str:
    """SQNR 3.2 dB in output scores, off by up to 0.41, same top-1 class in 43.7% of 16 samples."""
    sqnr_db, error, same = (figures[key] for key in ("sqnr_db", "max_abs_error", "top1_agreement"))
    parts = []
    if sqnr_db is not None:
        parts.append(f"SQNR {sqnr_db:z.1f} dB{of_output(figures)}, off by up to {error:.3g}")
    if same is not None:
        parts.append(f"same top-1 class in {same:.1%} of {figures['samples']} samples")
    if figures["same_rows"] is not None:
        parts.append(f"{figures['same_rows']:.0%} of the list's rows found again, in any order")
    if figures["same_labels"] is not None:
        parts.append(f"{figures['same_labels']:.1%} of {figures['labels']} labels the same")
    if figures["collapsed"]:
        parts.append("the same outputs whatever the input")
    return ", ".join(parts)


def of_output(figures: Figures) -> str:
    return f" in output {figures['output']}" if figures["output"] is not None else ""
