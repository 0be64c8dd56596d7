"""A run's table on a terminal: one block per model and device, then conclusions and notes."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from itertools import chain

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from harness.analysis.conclusion import conclude
from harness.analysis.sides import document_of
from harness.record import Document, Row
from harness.report import conclusions, notes, output
from harness.report.blocks import Block, blocks
from harness.report.columns import Column, Shown, classes_differ, columns
from harness.report.figures import clean
from harness.report.lines import print_indented
from harness.report.paragraphs import Paragraph

# The order in which columns are dropped if the terminal is too narrow. "brackets" is the long form of the
# interval. "delegate" is dropped only if all cells of a block share one, which the title then names, and
# "top1" only if it is 100 % everywhere.
DROPS = (
    *("brackets", "top1", "delegate", "p90", "memory", "fidelity", "ops", "accuracy", "size", "size_ratio"),
    "change",
)

_STYLES = {"": "", "good": "green", "caution": "yellow", "bad": "red", "dim": "dim"}
_HEADS = {"strong": "bold", "dim": "dim", "plain": ""}


def render(document: Document, console: Console, stored: object = None) -> None:
    """Print a result document; of one with two sides, HEAD, with the notes of both.

    stored: the folder to name as its place, if any.
    """
    concluded, own = conclude(document), document_of(document, "head")
    shown = blocks(own)
    best = [conclusion.cell for conclusion in concluded if conclusion.cell is not None]
    for block, table in zip(shown, _fitting(shown, best, console), strict=True):
        console.print(_title(block))
        if block.note:
            console.print(Text(block.note, style="yellow"))
        console.print(table, crop=False)
        console.print()
    for paragraph in (*conclusions.paragraphs(concluded, own.cells), *notes.paragraphs(document)):
        _print(paragraph, console)
    if stored is not None:
        console.print(Text(f"results: {clean(stored)}"), soft_wrap=True)


def as_text(document: Document) -> str:
    """Return the table as plain text, as wide as the terminal."""
    text = StringIO()
    render(document, output.console(into=text))
    return text.getvalue()


def _title(block: Block) -> Text:
    title = Text(block.title, style="bold")
    return title.append(f" — {block.about}" if block.about else "", style="not bold")


def _print(paragraph: Paragraph, console: Console) -> None:
    head = Text(paragraph.head, style=_HEADS[paragraph.tone])
    if paragraph.about:
        head.append(f"  {paragraph.about}", style="not bold")
    console.print(head)
    for line in paragraph.lines:
        print_indented(line, 4, console)


def _fitting(shown: Sequence[Block], best: Sequence[Row], console: Console) -> list[Table]:
    """Return one table per block, all with as many columns as fit the terminal.

    Figures are never cut; long names are folded.
    """
    name_width = max(16, console.width // 5)
    rows = chain.from_iterable(block.rows for block in shown)
    drops = [key for key in DROPS if key != "top1"] if any(map(classes_differ, rows)) else list(DROPS)
    tables: list[Table] = []
    for count in range(len(drops) + 1):
        tables = [
            _table(columns(block.rows, best, block.units, drops[:count]), block.rows, best, name_width)
            for block in shown
        ]
        if all(_natural_width(table, console) <= console.width for table in tables):
            return tables
    for table in tables:  # even the fewest are too wide: the terminal may break lines, figures stay whole
        table.width = _natural_width(table, console)
    return tables


def _natural_width(table: Table, console: Console) -> int:
    return Measurement.get(console, console.options.update_width(10_000), table).maximum


def _table(shown: Sequence[Column], rows: Sequence[Row], best: Sequence[Row], name_width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for column in shown:
        if column.key == "variant":
            table.add_column(column.header, overflow="fold", max_width=name_width)
        else:
            table.add_column(column.header, justify=column.justify, no_wrap=True)
    for row in rows:
        style = "bold" if row in best else "dim" if row.latency_ms is None else None
        table.add_row(*(_styled(column.show(row)) for column in shown), style=style)
    return table


def _styled(shown: Shown) -> Text:
    return Text(shown.text, style=_STYLES[shown.tone])
