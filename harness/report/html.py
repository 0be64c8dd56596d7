"""A run's table as HTML, for notebooks and web pages."""

from __future__ import annotations

from harness.analysis.conclusion import conclude
from harness.analysis.sides import document_of
from harness.record import Document
from harness.report import conclusions, notes
from harness.report.blocks import blocks
from harness.report.columns import columns
from harness.report.pages import fill


def table_html(document: Document) -> str:
    """Return the table, conclusions and notes as one element with its own style. All texts are escaped."""
    concluded, own = conclude(document), document_of(document, "head")
    best = [conclusion.cell for conclusion in concluded if conclusion.cell is not None]
    return fill(
        "table.html",
        blocks=[(block, columns(block.rows, best, block.units, ("delegate",))) for block in blocks(own)],
        best=best,
        paragraphs=[*conclusions.paragraphs(concluded, own.cells), *notes.paragraphs(document)],
    )
