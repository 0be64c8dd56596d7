"""The compatibility report as one HTML page: nothing to load, no script, for screen, phone and paper."""

from __future__ import annotations

from harness.analysis.compat import CompatReport
from harness.report.compat_view import view
from harness.report.pages import fill


def render(report: CompatReport) -> str:
    """The whole page as text, UTF-8 declared."""
    return fill("compat.html", report=view(report))
