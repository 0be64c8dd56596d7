"""The compatibility report as Markdown."""

from __future__ import annotations

from harness.analysis.compat import CompatReport
from harness.report.compat_matrix import Matrix
from harness.report.compat_remarks import Remark
from harness.report.compat_view import view
from harness.report.markdown import escape, table


def render(report: CompatReport) -> str:
    """Return the report, with every text in it escaped."""
    seen = view(report)
    parts = [f"# {seen.title}", escape(seen.version), escape(seen.legend), *map(_matrix, seen.matrices)]
    for section in seen.sections:
        parts += [f"## {section.title}", "\n".join(map(_remark, section.remarks))]
    return "\n\n".join(parts) + "\n"


def _matrix(matrix: Matrix) -> str:
    names = ["model", "variant", *matrix.columns]
    rows = [
        [line.model, line.variant, *(f"{entry.mark} {entry.text}" for entry in line.entries)]
        for line in matrix.lines
    ]
    return f"## {escape(matrix.device)}\n\n{escape(matrix.about)}\n\n{table(names, rows)}"


def _remark(remark: Remark) -> str:
    text = f"- **{escape(remark.where)}**: {escape(remark.what)}: {escape(remark.reason)}"
    text += f". Remedy: {escape(remark.remedy)}" if remark.remedy else ""
    return text + (f" ({escape(remark.source)})" if remark.source else "")
