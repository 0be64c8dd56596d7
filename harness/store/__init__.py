"""Stored runs: each has a record that is appended to while it is measured, and read as far as it is intact.

A run is a folder `results/<run-id>/` (docs/results.md). `create` starts one, `load` reads one, and `export`
writes its document and tables.
"""

from __future__ import annotations

from pathlib import Path

from harness.errors import ResultsError
from harness.record import Run
from harness.store.document import RUN_JSON, encode, read_document
from harness.store.exporting import export, export_if_over
from harness.store.growing import EVENTS
from harness.store.older import run_of
from harness.store.older_tables import with_launches
from harness.store.reader import NothingPlannedError, read
from harness.store.writer import Writer, create, new_run_id

__all__ = [
    "Writer",
    "create",
    "encode",
    "export",
    "export_if_over",
    "find",
    "latest",
    "load",
    "load_all",
    "new_run_id",
    "newest",
    "read_document",
    "with_launches",
]


def load(which: str | Path, results_dir: Path, *, launches: bool = False) -> Run:
    """Load a run by its id, its folder or a file. Raises ResultsError.

    A run stored by an older qbench, or a lone result document, is loaded as the rows it holds
    (`Run.exported`). launches: load its launches, too, for pooling; runs with events always have them.
    """
    path = _locate(which, results_dir)
    folder = path if path.is_dir() else path.parent
    alone = path.is_file() and path.name not in (EVENTS, RUN_JSON)
    if not alone and (folder / EVENTS).exists():
        return read(folder)
    run = run_of(read_document(path / RUN_JSON if path.is_dir() else path))
    return with_launches(run, folder) if launches else run


def latest(results_dir: Path) -> Run:
    """Return the newest run that has a plan. Raises ResultsError if there is none."""
    return newest(results_dir)[1]


def newest(results_dir: Path) -> tuple[Path, Run]:
    """Return the newest run that has a plan, and its folder. Raises ResultsError if there is none."""
    for folder in reversed(_folders(results_dir)):
        try:
            return folder, load(folder.name, results_dir)
        except NothingPlannedError:
            continue
    raise ResultsError(f"no runs in {results_dir}; `qbench run` makes one")


def load_all(results_dir: Path) -> list[Run]:
    """Load all runs that can be read, oldest first; none if the folder does not exist."""
    runs = []
    for folder in _folders(results_dir):
        try:
            runs.append(load(folder.name, results_dir))
        except ResultsError:  # skip a damaged run
            continue
    return runs


def find(which: str | Path, results_dir: Path) -> Path:
    """Return the folder of a run that is named by its id, its folder or a file in it. Raises ResultsError."""
    path = _locate(which, results_dir)
    return path if path.is_dir() else path.parent


def _folders(results_dir: Path) -> list[Path]:
    """Return the folders that hold a run, oldest first."""
    named = {path.parent for name in (EVENTS, RUN_JSON) for path in results_dir.glob(f"*/{name}")}
    return sorted(named)


def _locate(which: str | Path, results_dir: Path) -> Path:
    """Return the run's folder, or the file that was named. Raises ResultsError."""
    for path in (results_dir / which, Path(which)):
        try:
            if path.is_file() or any((path / name).is_file() for name in (EVENTS, RUN_JSON)):
                return path
        except OSError as error:  # the name is too long, or permission is denied
            raise ResultsError(f"cannot read {path}: {error.strerror or error}") from None
    raise ResultsError(f"no run {str(which)!r} in {results_dir}, and no folder or file of that name")
