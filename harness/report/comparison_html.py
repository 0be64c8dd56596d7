"""A comparison as HTML, for notebooks and web pages."""

from __future__ import annotations

from harness.record.comparison import Comparison
from harness.report.comparison_view import summary, view
from harness.report.pages import fill


def comparison_html(comparison: Comparison) -> str:
    """Return the comparison as one element with its own style. All texts are escaped."""
    return fill("comparison.html", seen=view(comparison), summary=summary(comparison))
