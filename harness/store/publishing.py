"""Write a folder that is published: its own files, and copies of what is stored of runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

from harness import files
from harness.errors import ResultsError
from harness.record import Document
from harness.store.document import RUN_JSON, encode
from harness.store.tables import COLUMNS

RUNS = "runs"


def check_folder(out: Path, results: Path) -> None:
    """Make the folder to publish. Raises ResultsError if it can't be made, or is part of the store."""
    if out.resolve().is_relative_to(results.resolve()):
        raise ResultsError(f"{out} lies in the folder of runs, {results}: choose another one")
    try:
        (out / RUNS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from None


def publish_file(out: Path, name: str, content: str) -> None:
    """Replace a file as a whole. Raises ResultsError."""
    try:
        files.replace(out / name, content.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise _unwritable(out, error) from None


def publish_run(out: Path, folder: Path, document: Document | None, *, samples: bool) -> list[str]:
    """Copy a run's files; returns their URLs relative to `out`, that of run.json first. Raises ResultsError.

    document: written as run.json; None: the stored run.json is up to date. samples: copy the tables, too.
    """
    target = out / RUNS / folder.name
    try:
        target.mkdir(exist_ok=True)
        if document is None:
            _copy(folder / RUN_JSON, target / RUN_JSON)
        else:
            files.replace(target / RUN_JSON, encode(document))
        copied = [name for name in COLUMNS if (folder / name).exists()] if samples else []
        for name in copied:
            _copy(folder / name, target / name)
    except OSError as error:
        raise _unwritable(out, error) from None
    return [f"{RUNS}/{quote(folder.name)}/{name}" for name in (RUN_JSON, *copied)]


def _copy(source: Path, target: Path) -> None:
    """Copy a file, unless an earlier call has. Raises OSError."""
    new = source.stat()
    if target.exists():
        old = target.stat()
        if (old.st_size, old.st_mtime_ns) == (new.st_size, new.st_mtime_ns):
            return
    temporary = target.with_name(target.name + ".tmp")
    shutil.copy2(source, temporary)
    temporary.replace(target)


def _unwritable(out: Path, error: OSError) -> ResultsError:
    return ResultsError(f"cannot write {error.filename or out}: {error.strerror or error}")
