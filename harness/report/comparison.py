"""A comparison on a terminal."""

from __future__ import annotations

from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.record.comparison import Comparison
from harness.report import output
from harness.report.comparison_view import Grid, summary, view
from harness.report.lines import print_indented

_STYLES = {"": "", "good": "green", "caution": "yellow", "bad": "red", "dim": "dim"}
_HEADS = {"strong": "bold", "dim": "dim", "plain": ""}


def render(comparison: Comparison, console: Console) -> None:
    """Print the facts that differ, the tables, and the remarks."""
    seen = view(comparison)
    for line in seen.runs:
        console.print(line)
    if seen.alarm is not None:
        console.print()
        console.print(Text(f"!! {seen.alarm}", style="bold red"))
    console.print()
    console.print(Text(seen.title if seen.facts else "No fact differs", style="bold"))
    for line in seen.facts:
        print_indented(line, 4, console)
    for grid in seen.grids:
        console.print()
        console.print(Text(grid.title, style="bold"))
        console.print(_table(grid, console.width), crop=False)
    console.print()
    console.print(Text(summary(comparison), style="bold"))
    for paragraph in seen.remarks:
        head = Text(paragraph.head, style=_HEADS[paragraph.tone])
        console.print(head.append(f"  {paragraph.about}", style="not bold") if paragraph.about else head)
        for line in paragraph.lines:
            print_indented(line, 4, console)


def as_text(comparison: Comparison) -> str:
    """Return the comparison as plain text, as wide as the terminal."""
    text = StringIO()
    render(comparison, output.console(into=text))
    return text.getvalue()


def _table(grid: Grid, width: int) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), collapse_padding=True
    )
    for number, header in enumerate(grid.headers):
        if header == "variant":
            table.add_column(header, overflow="fold", max_width=max(12, width // 5))
        else:
            table.add_column(header, justify="left" if number in grid.left else "right", no_wrap=True)
    for line in grid.lines:
        table.add_row(*(Text(shown.text, style=_STYLES[shown.tone]) for shown in line))
    return table
