"""Export a run: write run.json and the tables from the record."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from harness import files
from harness.errors import ResultsError
from harness.record import Document, Row, Run
from harness.store.document import RUN_JSON, encode, read_document
from harness.store.growing import EVENTS
from harness.store.reader import read
from harness.store.tables import write_tables


def export(run: Run, document: Document, folder: Path) -> None:
    """Write the tables and then run.json, each file completely or not at all. Raises ResultsError."""
    try:
        write_tables(run, folder)
        files.replace(folder / RUN_JSON, encode(document))
    except OSError as error:
        why = error.strerror or error
        raise ResultsError(
            f"cannot write {RUN_JSON} and tables to {folder}: {why}; nothing is lost: "
            f"`qbench show {folder}` writes them when it can"
        ) from None


def export_if_over(run: Run, document: Document, folder: Path) -> bool:
    """Export a run that was loaded from `folder`, if it has ended without being exported.

    Returns False, and writes nothing, if the run is still being measured, has been exported already, has
    changed since it was loaded, or if the folder can't be written.
    """
    try:
        if _is_exported(folder):
            return False
        with _lock(folder):
            if _is_exported(folder) or read(folder) != run:
                return False
            export(run, document, folder)
    except (OSError, ResultsError):
        return False
    return True


class _Rows(Struct):
    """The rows of a document, and what derived them."""

    cells: tuple[Row, ...]
    estimator: int | None = None


def exported_rows(folder: Path, estimator: int) -> tuple[Row, ...] | None:
    """Return the rows in a run's export; None if there is none, or if another estimator derived them.

    The rows of a run without a record are always those of its export. Raises ResultsError if that is damaged.
    """
    try:
        recorded = (folder / EVENTS).exists()
        if recorded and not _is_exported(folder):
            return None
        found = msgspec.json.decode((folder / RUN_JSON).read_bytes(), type=_Rows)
    except OSError:
        return None
    except msgspec.DecodeError:  # damaged, or with names that are not UTF-8
        return None if recorded else read_document(folder / RUN_JSON).cells
    return found.cells if found.estimator == estimator or not recorded else None


def _is_exported(folder: Path) -> bool:
    """Return whether run.json exists and is not older than the record. Raises OSError without a record."""
    record = (folder / EVENTS).stat().st_mtime_ns
    exported = folder / RUN_JSON
    return exported.exists() and exported.stat().st_mtime_ns >= record


def exported_document(folder: Path, estimator: int) -> Document | None:
    """Return the document in a run's export; None as for `exported_rows`, or if it is made anew anyway.

    Raises ResultsError if the export of a run without a record is damaged.
    """
    recorded = (folder / EVENTS).exists()
    try:
        if recorded and not _is_exported(folder):
            return None
        found = read_document(folder / RUN_JSON)
    except (OSError, ResultsError):
        if recorded:
            return None
        raise
    return found if found.estimator == estimator or not recorded else None


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the lock that a running qbench holds. Raises OSError if it is taken, or can't be."""
    with (folder / EVENTS).open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
