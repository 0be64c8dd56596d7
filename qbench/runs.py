"""The result of `qbench.run` and `qbench.load`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import record
from harness.errors import ResultsError
from qbench import given
from qbench.comparisons import Comparison
from qbench.lookup import find

if TYPE_CHECKING:
    import pandas as pd


class Run:
    """A measured run: its rows, samples, conclusions and warnings.

    Displayed as the table, in HTML by notebooks and as text elsewhere.
    """

    def __init__(
        self, stored: record.Run, document: record.Document, folder: Path, problem: str | None = None
    ) -> None:
        self._stored = stored
        self.document = document
        self.folder = folder
        self.problem = problem

    @property
    def id(self) -> str:
        """The run's id; several ids joined by " + " for a pooled run."""
        return self.document.run_id

    @property
    def rows(self) -> tuple[record.Row, ...]:
        """One row per cell, in the order of the table."""
        return self.document.cells

    @property
    def conclusions(self) -> tuple[record.Conclusion, ...]:
        """The recommended cell of each model and baseline."""
        return self.document.conclusions

    @property
    def warnings(self) -> tuple[tuple[record.Row, record.Warning], ...]:
        """Every warning, with the row it belongs to."""
        return tuple((row, warning) for row in self.rows for warning in row.warnings)

    @property
    def interrupted(self) -> bool:
        """Whether the run was interrupted before everything was measured."""
        return self.document.interrupted

    def __getitem__(self, key: str | tuple[str | int, ...]) -> record.Row:
        """Return the row of one cell: `run["int8", "xnnpack"]`.

        The key is a variant, followed by as many of delegate, device and model as it takes to be unique; an
        integer is a number of threads. The cell's id works, too. Raises CellNotFound, a KeyError, if no cell
        or more than one matches. Of a run with two sides, it is HEAD's; BASE's are in `base`.
        """
        named = [row for row in self.rows if row.side != "base" or row.id == key]
        return find(named, key)

    @property
    def base(self) -> Run:
        """The BASE side of a run that was measured with `against`, as a run of its own: `run.base["int8"]`.

        Raises ResultsError if the run has no sides.
        """
        from harness.analysis import document_of, has_sides, run_of

        stored, document = self.side()
        if not has_sides(document):
            raise ResultsError(f"{self.id} has no BASE side: it was measured without against")
        return Run(run_of(stored, "base"), document_of(document, "base"), self.folder)

    def sides(
        self,
        *,
        within: float = 0.02,
        fail_over: float | None = None,
        fail_size: float | None = None,
        fail_memory: float | None = None,
        fail_accuracy: float | None = None,
        fail_ops: int | None = None,
        undecided: str = "warn",
    ) -> Comparison:
        """Compare the two sides of a run that was measured with `against`, launch by launch.

        The options are those of `qbench.compare`. Raises ResultsError if the run has no sides.
        """
        from harness.analysis.comparison import compare_sides

        asked = given.limits(
            within=within,
            fail_over=fail_over,
            fail_size=fail_size,
            fail_memory=fail_memory,
            fail_accuracy=fail_accuracy,
            fail_ops=fail_ops,
            undecided=undecided,
        )
        return Comparison(compare_sides(*self.side(), asked))

    def to_dict(self) -> dict[str, Any]:
        """Return the result document, as `qbench run --json` writes it."""
        from harness.store import encode

        document: dict[str, Any] = json.loads(encode(self.document))
        return document

    def to_frame(self) -> pd.DataFrame:
        """Return one row per cell and one column per figure: `latency_ms.median`, `speedup.low`, …"""
        from qbench.frames import rows_frame

        return rows_frame(self.document)

    def samples(self) -> pd.DataFrame:
        """Return one row per timed inference.

        Columns: model, variant, delegate, device, threads, launch, block, run_ns (its duration) and own_ns
        (CPU time of the process; empty if not measured). Raises ResultsError if the samples can't be read.
        """
        from harness.store import with_launches
        from qbench.frames import samples_frame

        return samples_frame(with_launches(self._stored, self.folder))

    def side(self) -> tuple[record.Run, record.Document]:
        """Return the run with its samples, as far as they can be read, and its document."""
        from harness.session.comparing import with_samples

        return with_samples(self._stored, self.folder), self.document

    def __repr__(self) -> str:
        from harness.report.table import as_text

        return as_text(self.document).rstrip()

    def _repr_html_(self) -> str:
        from harness.report.html import table_html

        return table_html(self.document)
