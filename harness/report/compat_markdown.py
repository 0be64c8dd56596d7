"""The compatibility report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.compat_view import LEGEND, Matrix, Remark, view

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def render(document: Mapping[str, Any]) -> str:
    """The whole report; every text in it is escaped."""
    seen = view(document)
    parts = ["# Compatibility report", f"qbench {escape(document['qbench_version'])}", escape(LEGEND)]
    parts += [_matrix(matrix) for matrix in seen.matrices]
    parts += _remarks("Observed otherwise than predicted", seen.differences)
    parts += _remarks("What stands in the way", seen.in_the_way)
    parts += _remarks("What runtimes load", seen.limits)
    parts += _remarks("Variants that could not be made", seen.failed)
    return "\n\n".join(parts) + "\n"


def escape(text: object) -> str:
    """Text that Markdown, in a table or out of it, shows as it is."""
    return _SPECIAL.sub(r"\\\1", str(text))


def _matrix(matrix: Matrix) -> str:
    names = ["model", "variant", *matrix.columns]
    rows = [
        [model, variant, *(f"{entry.mark} {entry.text}" for entry in entries)]
        for model, variant, entries in matrix.rows
    ]
    lines = [_row(names), "|" + " --- |" * len(names), *(_row(row) for row in rows)]
    return f"## {escape(matrix.device)}\n\n{escape(matrix.about)}\n\n" + "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"


def _remarks(title: str, remarks: Sequence[Remark]) -> list[str]:
    if not remarks:
        return []
    lines = []
    for remark in remarks:
        text = f"- **{escape(remark.where)}**: {escape(remark.what)}: {escape(remark.reason)}"
        text += f". Remedy: {escape(remark.remedy)}" if remark.remedy else ""
        text += f" ({escape(remark.source)})" if remark.source else ""
        lines.append(text)
    return [f"## {title}", "\n".join(lines)]
