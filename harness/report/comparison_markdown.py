"""A comparison as Markdown, fit for the summary of a CI job."""

from __future__ import annotations

from collections.abc import Sequence

from harness.record.comparison import Comparison
from harness.report.comparison_view import Grid, summary, view
from harness.report.markdown import escape, table
from harness.report.paragraphs import Paragraph


def render(comparison: Comparison) -> str:
    """Return the comparison, with every text in it escaped."""
    seen = view(comparison)
    outcome = "❌ gate failed" if comparison.failed else "✅ gate passed"
    title = f"## qbench compare: {outcome if comparison.limits.gated else escape(summary(comparison))}"
    parts = [title, _list(seen.runs)]
    if seen.alarm is not None:
        parts.append(f"> [!CAUTION]\n> **{escape(seen.alarm)}**")
    parts += _section("Failed", seen.failures)
    parts += _section("Can't tell", seen.undecided)
    parts += _section(seen.title, seen.facts)
    parts += [_grid(grid) for grid in seen.grids]
    parts.append(f"**{escape(summary(comparison))}**")
    parts += [_paragraph(paragraph) for paragraph in seen.remarks]
    return "\n\n".join(parts) + "\n"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"### {escape(title)}", _list(lines)] if lines else []


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escape(line)}" for line in lines)


def _grid(grid: Grid) -> str:
    headers = [" ".join(header.split()) for header in grid.headers]
    rows = [[shown.text for shown in line] for line in grid.lines]
    return f"### {escape(grid.title)}\n\n{table(headers, rows)}"


def _paragraph(paragraph: Paragraph) -> str:
    about = f": {escape(paragraph.about)}" if paragraph.about else ""
    head = f"**{escape(paragraph.head)}**" if paragraph.tone == "strong" else escape(paragraph.head)
    return f"{head}{about}" + (f"\n\n{_list(paragraph.lines)}" if paragraph.lines else "")
