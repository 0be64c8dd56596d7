"""The result of `qbench.history`."""

from __future__ import annotations

import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from harness.record.history import Course
from harness.record.history import History as Document
from qbench.lookup import find

if TYPE_CHECKING:
    import pandas as pd

    from harness.session.history import Asked
    from harness.session.indexing import NewestCells


class History:
    """Cells over the stored runs, with the steps that they took.

    Displayed as its table, or as a diagram where there are one or two cells.
    """

    def __init__(self, asked: Asked, found: NewestCells, results: Path) -> None:
        self._asked, self._found, self._results = asked, found, results

    @cached_property
    def document(self) -> Document:
        """The document, as `qbench history --json` writes it. Its steps are found now."""
        from harness.session.history import history

        return history(self._asked, self._found, self._results, _warn)

    @property
    def cells(self) -> tuple[Course, ...]:
        """The course of each cell: its points, the oldest first, and its steps."""
        return self.document.cells

    def __getitem__(self, key: str | tuple[str | int, ...]) -> Course:
        """Return one course: `history["int8", "xnnpack"]`, named as in `run[…]`. Raises CellNotFound."""
        return find(self.cells, key)

    def to_dict(self) -> dict[str, Any]:
        """Return the document as plain JSON types."""
        built: dict[str, Any] = msgspec.to_builtins(self.document)
        return built

    def to_frame(self) -> pd.DataFrame:
        """Return one row per run and cell with every figure, as `qbench history --csv` writes them."""
        import pandas as pd

        from harness.report import history_csv

        runs, cells = self._found.runs, [*filter(self._asked.cells.has, self._found.cells)]
        return pd.DataFrame.from_records([*history_csv.rows(runs, cells)], columns=history_csv.columns(runs))

    def __repr__(self) -> str:
        from harness.report.history import as_text

        return as_text(self.document).rstrip()


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=3)
