"""Stored runs: each has a record that is appended to while it is measured, and read as far as it is intact.

A run is a folder `results/<run-id>/` (docs/results.md). `create` starts one, `load` reads one, and `export`
writes its document and tables. Beside the folders is an index, from which lists are made (`using`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.errors import ResultsError
from harness.record import Run
from harness.store.document import RUN_JSON, encode, read_document
from harness.store.exporting import export, export_if_over, exported_document, exported_rows
from harness.store.growing import EVENTS
from harness.store.naming import newest_first, resolve
from harness.store.older import run_of
from harness.store.older_tables import with_launches
from harness.store.reader import read
from harness.store.writer import Writer, create, new_run_id

__all__ = [
    "RUN_JSON",
    "Writer",
    "create",
    "encode",
    "export",
    "export_if_over",
    "exported_document",
    "exported_rows",
    "find",
    "ignore",
    "load",
    "load_all",
    "new_run_id",
    "read_document",
    "resolve",
    "run_of",
    "with_launches",
]


def ignore(_: str) -> None:
    """Do nothing with a note."""


def load(
    which: str | Path, results_dir: Path, *, launches: bool = False, note: Callable[[str], None] = ignore
) -> Run:
    """Load a run by its name (see `resolve`). Raises ResultsError.

    A run stored by an older qbench, or a lone result document, is loaded as the rows it holds
    (`Run.exported`). launches: load its launches, too, for pooling; runs with events always have them.
    note: is told of runs that were passed over because they can't be read.
    """
    path = resolve(which, results_dir, note)
    folder = path if path.is_dir() else path.parent
    alone = path.is_file() and path.name not in (EVENTS, RUN_JSON)
    if not alone and (folder / EVENTS).exists():
        return read(folder)
    run = run_of(read_document(path / RUN_JSON if path.is_dir() else path))
    return with_launches(run, folder) if launches else run


def load_all(results_dir: Path) -> list[Run]:
    """Load all runs that can be read, oldest first; none if the folder does not exist."""
    runs = []
    for folder in reversed([*newest_first(results_dir)]):
        try:
            runs.append(load(folder, results_dir))
        except ResultsError:  # skip a damaged run
            continue
    return runs


def find(which: str | Path, results_dir: Path, note: Callable[[str], None] = ignore) -> Path:
    """Return the folder of a run by its name (see `resolve`). Raises ResultsError."""
    path = resolve(which, results_dir, note)
    return path if path.is_dir() else path.parent
