"""What others read of a run: run.json and its tables, made from the record."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import files
from harness.errors import ResultsError
from harness.record import Document, Run
from harness.store.document import RUN_JSON, encode
from harness.store.growing import EVENTS
from harness.store.reader import read
from harness.store.tables import write_tables


def export(run: Run, document: Document, folder: Path) -> None:
    """Write run.json and the tables, each whole or not at all, run.json last. Raises ResultsError."""
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
    """`export` of a run that was loaded from `folder`, where that is nobody else's task.

    Nothing is written, and the answer is False, where the run goes on or has been exported, where it is not
    the same any more, and where the folder can't be written.
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


def _is_exported(folder: Path) -> bool:
    """Whether run.json is there, and not older than the record. Raises OSError where there is no record."""
    record = (folder / EVENTS).stat().st_mtime_ns
    exported = folder / RUN_JSON
    return exported.exists() and exported.stat().st_mtime_ns >= record


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """The lock that a run holds while it lives. Raises OSError where it is taken or can't be."""
    with (folder / EVENTS).open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
