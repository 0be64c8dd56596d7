"""The compatibility report on a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.analysis.compat import CompatReport
from harness.report.compat_matrix import Matrix
from harness.report.compat_view import Section, view
from harness.report.lines import print_indented

_STYLES = {"all": "green", "partly": "yellow", "none": "red", "refused": "red", "uncertain": "dim"}


def render(report: CompatReport, console: Console) -> None:
    """Print the tables, then the remarks."""
    seen = view(report)
    for matrix in seen.matrices:
        console.print(Text(matrix.device, style="bold").append(f" — {matrix.about}", style="not bold"))
        console.print(_table(matrix))
        console.print()
    console.print(Text(seen.legend, style="dim"))
    for section in seen.sections:
        _print(section, console)


def _table(matrix: Matrix) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("model", "variant", *matrix.columns):
        table.add_column(Text(name), overflow="fold")
    for line in matrix.lines:
        entries = [Text(f"{e.mark} {e.text}", style=_STYLES.get(e.kind, "")) for e in line.entries]
        table.add_row(Text(line.model), Text(line.variant), *entries)
    return table


def _print(section: Section, console: Console) -> None:
    """Print a section, with the remarks about one delegate or model under one heading."""
    console.print()
    console.print(Text(section.title, style="bold"))
    last = ""
    for remark in section.remarks:
        if remark.where != last:
            console.print(Text(f"  {remark.where}", style="bold"))
        last = remark.where
        print_indented(remark.what, 4, console)
        print_indented(remark.reason, 6, console)
        if remark.remedy:
            print_indented(f"→ {remark.remedy}", 6, console)
