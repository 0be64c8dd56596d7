"""The compatibility report on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.report.compat_view import LEGEND, Matrix, Remark, view

_STYLES = {"all": "green", "partly": "yellow", "none": "red", "refused": "red", "uncertain": "dim"}


def render(document: Mapping[str, Any], console: Console) -> None:
    """Print the matrices, then what stands in the way and why."""
    seen = view(document)
    for matrix in seen.matrices:
        console.print(Text(matrix.device, style="bold").append(f" — {matrix.about}", style="not bold"))
        console.print(_table(matrix))
        console.print()
    console.print(Text(LEGEND, style="dim"))
    _remarks("Observed otherwise than predicted", seen.differences, console)
    _remarks("What stands in the way", seen.in_the_way, console)
    _remarks("What runtimes load", seen.limits, console)
    _remarks("Variants that could not be made", seen.failed, console)


def _table(matrix: Matrix) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("model", "variant", *matrix.columns):
        table.add_column(Text(name), overflow="fold")
    for model, variant, entries in matrix.rows:
        cells = [Text(f"{e.mark} {e.text}", style=_STYLES.get(e.kind, "")) for e in entries]
        table.add_row(Text(model), Text(variant), *cells)
    return table


def _remarks(title: str, remarks: Sequence[Remark], console: Console) -> None:
    if not remarks:
        return
    console.print()
    console.print(Text(title, style="bold"))
    last = ""
    for remark in remarks:
        if remark.where != last:
            console.print(Text(f"  {remark.where}", style="bold"))
        last = remark.where
        _indented(remark.what, 4, console)
        _indented(remark.reason, 6, console)
        if remark.remedy:
            _indented(f"→ {remark.remedy}", 6, console)


def _indented(text: str, by: int, console: Console) -> None:
    for line in Text(text).wrap(console, max(20, console.width - by)):
        console.print(Text(" " * by).append_text(line))
