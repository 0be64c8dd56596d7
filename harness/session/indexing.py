"""The index of stored runs, with the figures that analysis derives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import analysis, store
from harness.errors import ResultsError
from harness.record import Document, Row
from harness.store.index import CellEntry, CellFilter, Index, RunEntry, RunFilter, cell_entry, using
from harness.store.index.file import exists
from harness.store.syncing import Skipped, add, sync

Note = Callable[[str], None]
_AT_ONCE = 100  # runs whose figures one write puts in
_MANY = 200  # deriving the figures of this many runs may take a while


def list_runs(
    results: Path, wanted: RunFilter, note: Note, limit: int | None = None
) -> tuple[Sequence[RunEntry], int, Skipped]:
    """Return the runs asked for, the newest first, at most `limit`; how many there are; what is no run.

    Raises ResultsError.
    """

    def ask(index: Index) -> tuple[Sequence[RunEntry], int, Skipped]:
        skipped = sync(index, results, note)
        return index.runs(wanted, limit), index.count(wanted), skipped

    return using(results, ask, note)


def list_cells(
    results: Path, runs: RunFilter, cells: CellFilter, note: Note
) -> tuple[Sequence[RunEntry], Sequence[CellEntry]]:
    """Return the runs asked for, the newest first, and their cells asked for, with figures.

    Figures that the index lacks, or that an older estimator derived, are derived now. Raises ResultsError.
    """
    found = newest_cells(results, runs, cells, note, None)
    return found.runs, found.cells


@dataclass(frozen=True)
class NewestCells:
    """The newest of the runs asked for, their cells, and how many runs there are of those asked for."""

    runs: Sequence[RunEntry]
    cells: Sequence[CellEntry]
    stored: int


def newest_cells(
    results: Path, runs: RunFilter, cells: CellFilter, note: Note, limit: int | None
) -> NewestCells:
    """Return what `list_cells` returns, of the newest `limit` runs. Raises ResultsError."""

    def ask(index: Index) -> NewestCells:
        sync(index, results, note)
        found = index.runs(runs, limit)
        _complete(index, [run.folder for run in found], results, note)
        count = len(found) if limit is None else index.count(runs)
        return NewestCells(found, index.cells(runs, cells, limit), count)

    return using(results, ask, note)


def remember(
    folder: Path, document: Document, results: Path, note: Note, *, only_if_made: bool = False
) -> None:
    """Put a run and its figures into the index, if it is one of `results`.

    only_if_made: only if there is an index.
    """
    if folder.resolve().parent != results.resolve() or (only_if_made and not exists(results)):
        return

    def put(index: Index) -> None:
        if add(index, folder) and index.lacking([folder.name], analysis.ESTIMATOR):
            index.put_figures([(folder.name, _entries(folder, document.cells))], analysis.ESTIMATOR)

    using(results, put, note)


def _complete(index: Index, folders: Sequence[str], results: Path, note: Note) -> None:
    """Derive the figures that the index lacks."""
    lacking = index.lacking(folders, analysis.ESTIMATOR)
    if len(lacking) >= _MANY:
        note(f"reading the figures of {len(lacking)} runs in {results}")
    for at in range(0, len(lacking), _AT_ONCE):
        found = ((name, _figures(results / name)) for name in lacking[at : at + _AT_ONCE])
        index.put_figures([*found], analysis.ESTIMATOR)


def _figures(folder: Path) -> Sequence[CellEntry]:
    """Return the cells of a run with their figures; none if it can't be read."""
    try:
        rows = store.exported_rows(folder, analysis.ESTIMATOR)
        if rows is None:
            rows = analysis.document(store.load(folder, folder.parent)).cells
    except ResultsError:
        rows = ()
    return _entries(folder, rows)


def _entries(folder: Path, rows: Sequence[Row]) -> Sequence[CellEntry]:
    return [cell_entry(folder.name, row) for row in rows]
