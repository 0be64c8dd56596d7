"""A history as CSV: a line per run and cell."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO

from harness.report.figures import printable
from harness.store.index import CellEntry, RunEntry

_OF_CELL = CellEntry.__struct_fields__[2:]  # after the folder and the id
_OF_RUN = ("run_id", "started_at", "state", "qbench_version", "revision", "branch", "dirty")


def columns(runs: Sequence[RunEntry]) -> list[str]:
    """Return the names of the columns. A tag is one, too: `tags.NAME`."""
    tags = sorted({name for run in runs for name in run.tags})
    return [*_OF_RUN, *(f"tags.{name}" for name in tags), "id", *_OF_CELL]


def rows(runs: Sequence[RunEntry], cells: Sequence[CellEntry]) -> Iterator[tuple[object, ...]]:
    """Yield a row per run and cell, the oldest run first. None is what is not known."""
    tags = sorted({name for run in runs for name in run.tags})
    of_run = {run.folder: _of_run(run, tags) for run in runs}
    of_folder: dict[str, list[CellEntry]] = {}
    for cell in cells:
        of_folder.setdefault(cell.folder, []).append(cell)
    for run in reversed(runs):
        head = of_run[run.folder]
        for cell in of_folder.get(run.folder, ()):
            yield (*head, cell.plain_id, *(getattr(cell, name) for name in _OF_CELL))


def render(runs: Sequence[RunEntry], cells: Sequence[CellEntry]) -> str:
    """Return the text of the CSV file, without the control characters that names may hold."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns(runs))
    writer.writerows(rows(runs, cells))
    whole = text.getvalue()
    return whole if whole.replace("\n", "").isprintable() else printable(whole)


def _of_run(run: RunEntry, tags: Sequence[str]) -> tuple[object, ...]:
    git = run.git
    about = (None, None, None) if git is None else (git.revision, git.branch, git.dirty)
    return (
        run.run_id,
        run.started_at,
        run.state,
        run.qbench_version,
        *about,
        *(run.tags.get(name) for name in tags),
    )
