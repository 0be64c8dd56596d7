"""The compatibility report as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.analysis.compat import CompatReport
from harness.report.compat_fold import fold
from harness.report.compat_matrix import Matrix
from harness.report.compat_obstacles import Remark
from harness.report.compat_view import view
from harness.report.markdown import escape, table

_WIDEST = 8  # columns of a matrix, without its first


def render(report: CompatReport) -> str:
    """Return the report, with every text in it escaped."""
    seen = view(report)
    parts = [
        f"# {seen.title}",
        escape(seen.about),
        _list(f"**{escape(verdict.head)}**: {escape(verdict.text)}" for verdict in seen.verdicts),
        *(text for matrix in seen.matrices for text in _matrix(matrix)),
        f"<sub>{escape(seen.legend)}</sub>",
        *_section("Observed otherwise than predicted", [*map(escape, seen.differences)]),
        *_section("What stands in the way, and what helps", [*map(_remark, seen.obstacles)]),
        *_section("Variants that could not be made", [*map(escape, seen.failed)]),
    ]
    if seen.releases.lines:
        headers, lines = seen.releases.headers, seen.releases.lines
        parts += ["## Oldest runtime", escape(seen.releases.note), table(headers, lines)]
    parts += _section(
        "How this was found out", [f"**{escape(head)}**: {escape(text)}" for head, text in seen.origin]
    )
    return "\n\n".join(parts) + "\n"


def _matrix(matrix: Matrix) -> list[str]:
    parts = fold(matrix, lambda candidate: len(candidate.columns) <= _WIDEST)
    return [f"## {escape(matrix.model)}", *map(_part, parts)]


def _part(matrix: Matrix) -> str:
    headers = ["variant", *(" ".join(column.lines) for column in matrix.columns)]
    rows = ([line.variant, *(entry.text for entry in line.entries)] for line in matrix.lines)
    return table(headers, rows)


def _remark(remark: Remark) -> str:
    effects = (f"→ {escape(effect)}" for effect in remark.effects)
    return "  \n  ".join((f"**{escape(remark.head)}**", *effects, *map(escape, remark.reasons)))


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", _list(lines)] if lines else []


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
