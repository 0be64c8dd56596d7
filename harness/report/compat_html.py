"""The compatibility report as one self-contained HTML page without scripts."""

from __future__ import annotations

from harness.analysis.compat import CompatReport
from harness.report.compat_fold import devices, fold
from harness.report.compat_matrix import SIGNS
from harness.report.compat_view import view
from harness.report.pages import fill

_WIDEST = 9  # columns of a matrix, without its first


def render(report: CompatReport) -> str:
    """Return the page, which declares UTF-8 as its encoding."""
    seen = view(report)
    folded = [
        (matrix.model, fold(matrix, lambda part: len(part.columns) <= _WIDEST)) for matrix in seen.matrices
    ]
    return fill("compat.html", report=seen, matrices=folded, devices=devices, signs=SIGNS)
