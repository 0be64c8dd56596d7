"""How far outputs are from their reference: whether too far to be of use, and a description.

Source of the bounds: docs/statistics.md, "How far is far". Without numpy, so that `show` starts fast.
"""

from __future__ import annotations

from harness.record import Fidelity

FAR_DB = 10.0  # of signal to noise: a third of the outputs' size is wrong
FEW_SAME = 0.5  # share of samples with the same top-1 class, or of the rows of a list
ENOUGH_SAMPLES = 8  # fewer may disagree by chance


def is_far(figures: Fidelity) -> bool:
    """Return whether outputs differ too much from the reference's to be of use.

    Figures that an older run did not store are not considered.
    """
    same, rows, labels = figures.top1_agreement, figures.same_rows, figures.same_labels
    return bool(
        (figures.sqnr_db is not None and figures.sqnr_db < FAR_DB)
        or (same is not None and same < FEW_SAME and (figures.samples or 0) >= ENOUGH_SAMPLES)
        or (rows is not None and rows < FEW_SAME)
        or (labels is not None and labels < FEW_SAME and figures.labels >= ENOUGH_SAMPLES)
        or figures.collapsed
    )


def describe(figures: Fidelity) -> str:
    """Return the figures in words: "SQNR 3.2 dB, off by up to 0.41, same top-1 class in 43.7% of …"."""
    parts = []
    if figures.sqnr_db is not None:
        parts.append(
            f"SQNR {figures.sqnr_db:z.1f} dB{of_output(figures)}, off by up to {figures.max_abs_error:.3g}"
        )
    if figures.top1_agreement is not None:
        parts.append(f"same top-1 class in {figures.top1_agreement:.1%} of {figures.samples} samples")
    if figures.same_rows is not None:
        parts.append(f"{figures.same_rows:.0%} of the list's rows found again, in any order")
    if figures.same_labels is not None:
        parts.append(f"{figures.same_labels:.1%} of {figures.labels} labels the same")
    if figures.collapsed:
        parts.append("the same outputs whatever the input")
    return ", ".join(parts)


def of_output(figures: Fidelity) -> str:
    """Return " in output NAME" for the output that the figures are of; empty if there is only one."""
    return f" in output {figures.output}" if figures.output is not None else ""
