"""The compatibility report on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.analysis.compat import CompatReport
from harness.report.compat_fold import fold
from harness.report.compat_matrix import Matrix
from harness.report.compat_obstacles import Remark
from harness.report.compat_view import View, view
from harness.report.lines import print_indented

_STYLES = {
    "all": "green",
    "partly": "yellow",
    "none": "red",
    "refused": "red",
    "uncertain": "dim",
    "wrong": "bold red",
    "failed": "bold red",
}
_BETWEEN = 2  # columns between those of a table: one of padding, one of the box


def render(report: CompatReport, console: Console) -> None:
    """Print the verdicts, the matrices, what stands in the way, the oldest runtimes, and the origin."""
    seen = view(report)
    _title(seen.title, console, seen.about)
    for verdict in seen.verdicts:
        print_indented(f"{verdict.head}: {verdict.text}", 2, console)
    for matrix in seen.matrices:
        _title(matrix.model, console)
        for index, part in enumerate(fold(matrix, lambda candidate: _width(candidate) <= console.width)):
            if index:
                console.print()
            console.print(_matrix(part))
    console.print()
    console.print(Text(seen.legend, style="dim"))
    _sections(seen, console)


def _sections(seen: View, console: Console) -> None:
    _lines("Observed otherwise than predicted", seen.differences, console)
    if seen.obstacles:
        _title("What stands in the way, and what helps", console)
    for remark in seen.obstacles:
        _remark(remark, console)
    _lines("Variants that could not be made", seen.failed, console)
    if seen.releases.lines:
        _title("Oldest runtime", console, seen.releases.note)
        console.print(_table(seen.releases.headers, seen.releases.lines))
    _title("How this was found out", console)
    for head, text in seen.origin:
        print_indented(f"{head}: {text}", 2, console)


def _title(title: str, console: Console, about: str = "") -> None:
    console.print()
    console.print(Text(title, style="bold"))
    if about:
        console.print(Text(about, style="dim"))


def _lines(title: str, lines: Sequence[str], console: Console) -> None:
    if lines:
        _title(title, console)
    for line in lines:
        print_indented(line, 2, console)


def _remark(remark: Remark, console: Console) -> None:
    print_indented(remark.head, 2, console, "bold")
    for effect in remark.effects:
        print_indented(f"→ {effect}", 4, console)
    for reason in remark.reasons:
        print_indented(reason, 4, console)


def _width(matrix: Matrix) -> int:
    """Return the columns that a matrix takes without a line broken."""
    widths = [max(map(cell_len, ("variant", *(line.variant for line in matrix.lines))))]
    for index, column in enumerate(matrix.columns):
        texts = (*column.lines, *(line.entries[index].text for line in matrix.lines))
        widths.append(max(map(cell_len, texts)))
    return sum(widths) + _BETWEEN * (len(widths) - 1)


def _matrix(matrix: Matrix) -> Table:
    table = _table(("variant", *("\n".join(column.lines) for column in matrix.columns)))
    for line in matrix.lines:
        entries = (Text(entry.text, style=_STYLES[entry.kind]) for entry in line.entries)
        table.add_row(Text(line.variant), *entries)
    return table


def _table(headers: Sequence[str], lines: Sequence[Sequence[str]] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in headers:
        table.add_column(Text(name), overflow="fold", vertical="bottom" if not lines else "top")
    for line in lines:
        table.add_row(*map(Text, line))
    return table
