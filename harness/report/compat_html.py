"""The compatibility report as one self-contained HTML page without scripts."""

from __future__ import annotations

from harness.analysis.compat import CompatReport
from harness.report.compat_view import view
from harness.report.pages import fill


def render(report: CompatReport) -> str:
    """Return the page, which declares UTF-8 as its encoding."""
    return fill("compat.html", report=view(report))
