"""The result of `qbench.compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from harness.record.comparison import ComparedCell, DifferingFact
from harness.record.comparison import Comparison as Document
from qbench.lookup import find

if TYPE_CHECKING:
    import pandas as pd


class Comparison:
    """Two runs, cell by cell.

    Displayed as its tables, in HTML by notebooks and as text elsewhere.
    """

    def __init__(self, document: Document) -> None:
        self.document = document

    @property
    def cells(self) -> tuple[ComparedCell, ...]:
        """The cells of both runs, each with its verdict."""
        return self.document.cells

    @property
    def facts(self) -> tuple[DifferingFact, ...]:
        """What is not the same in both runs."""
        return self.document.facts

    @property
    def failed(self) -> bool:
        """Whether a gate failed."""
        return self.document.failed

    @property
    def failures(self) -> tuple[str, ...]:
        """One line per gate that a cell fails."""
        from harness.report import gate_lines

        return tuple(gate_lines.failures(self.document))

    def __getitem__(self, key: str | tuple[str | int, ...]) -> ComparedCell:
        """Return one cell: `comparison["int8", "xnnpack"]`, named as in `run[…]`. Raises CellNotFound."""
        return find(self.cells, key)

    def to_dict(self) -> dict[str, Any]:
        """Return the document, as `qbench compare --format json` writes it."""
        built: dict[str, Any] = msgspec.to_builtins(self.document)
        return built

    def to_frame(self) -> pd.DataFrame:
        """Return one row per cell: its names, `verdict`, `ratio.value`, `ratio.low`, `size_change`, …"""
        import pandas as pd

        cells = [msgspec.to_builtins(cell) for cell in self.cells]
        return pd.json_normalize([{**cell, **_flat(cell)} for cell in cells])

    def __repr__(self) -> str:
        from harness.report.comparison import as_text

        return as_text(self.document).rstrip()

    def _repr_html_(self) -> str:
        from harness.report.comparison_html import comparison_html

        return comparison_html(self.document)


def _flat(cell: dict[str, Any]) -> dict[str, Any]:
    """Return the name of the cell that another one is compared relative to as one text."""
    control = cell["relative_to"]
    return {"relative_to": control and "{variant}/{delegate}@{device}".format(**control)}
