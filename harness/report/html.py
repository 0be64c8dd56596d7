"""A run's table as HTML, for notebooks and pages: the terminal's columns, conclusions and notes."""

from __future__ import annotations

from harness.analysis.conclusion import conclude
from harness.record import Document
from harness.report import conclusions, notes
from harness.report.blocks import blocks
from harness.report.columns import columns
from harness.report.pages import fill


def table_html(document: Document) -> str:
    """One element with a style of its own, to be put anywhere in a page; every text is escaped."""
    found = conclude(document)
    best = [conclusion.cell for conclusion in found if conclusion.cell is not None]
    return fill(
        "table.html",
        blocks=[(block, columns(block.rows, best, block.units, ("delegate",))) for block in blocks(document)],
        best=best,
        paragraphs=[*conclusions.paragraphs(found, document.cells), *notes.paragraphs(document)],
    )
