"""A run's table as HTML, for notebooks and web pages."""

from __future__ import annotations

from harness.analysis.conclusion import conclude
from harness.record import Document
from harness.report import conclusions, notes
from harness.report.blocks import blocks
from harness.report.columns import columns
from harness.report.pages import fill


def table_html(document: Document) -> str:
    """Return the table, conclusions and notes as one element with its own style. All texts are escaped."""
    concluded = conclude(document)
    best = [conclusion.cell for conclusion in concluded if conclusion.cell is not None]
    return fill(
        "table.html",
        blocks=[(block, columns(block.rows, best, block.units, ("delegate",))) for block in blocks(document)],
        best=best,
        paragraphs=[*conclusions.paragraphs(concluded, document.cells), *notes.paragraphs(document)],
    )
