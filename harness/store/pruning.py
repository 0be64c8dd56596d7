"""Remove old runs."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.errors import ResultsError
from harness.store.growing import EVENTS
from harness.store.index import Index, RunEntry, RunFilter, using
from harness.store.index.file import Note
from harness.store.summary import summarize
from harness.store.syncing import Skipped, sync

KEEP = "keep"  # a run with this tag is never removed
_REMOVED = ".removed-"  # begins the name of a folder that is being removed


def prunable(results: Path, keep: int, note: Note) -> tuple[Sequence[RunEntry], Skipped]:
    """Return the runs beyond the `keep` newest that may be removed, the oldest first, and what is no run.

    What a run that stays has resumed stays, too. Raises ResultsError.
    """

    def ask(index: Index) -> tuple[Sequence[RunEntry], Skipped]:
        skipped = sync(index, results, note)
        return _may_go(index.runs(RunFilter()), keep)[::-1], skipped

    return using(results, ask, note)


def _may_go(runs: Sequence[RunEntry], keep: int) -> list[RunEntry]:
    """Return which of all runs may be removed. They are given, and returned, the newest first."""
    may_go: list[RunEntry] = []
    resumed: set[str] = set()  # by a newer run that stays: its figures are those of both
    for number, run in enumerate(runs):
        if number < keep or KEEP in run.tags or run.state == "running" or run.run_id in resumed:
            resumed |= {run.resumes} if run.resumes is not None else set()
        else:
            may_go.append(run)
    return may_go


def remove(runs: Sequence[RunEntry], results: Path) -> Iterator[tuple[RunEntry, str | None]]:
    """Remove runs one by one. Yields each with the reason why it stays, None if it is gone.

    What a kill leaves behind the next call removes.
    """
    for left in results.glob(f"{_REMOVED}*"):
        shutil.rmtree(left, ignore_errors=True)
    for run in runs:
        try:
            yield run, _remove(results / run.folder)
        except BlockingIOError:
            yield run, "it is being written to"
        except FileNotFoundError:  # somebody else has removed it
            yield run, None
        except OSError as error:
            yield run, error.strerror or str(error)


def _remove(folder: Path) -> str | None:
    """Remove a run, whose record is asked once more whether it may go. Raises OSError."""
    with _locked(folder):
        try:
            if KEEP in summarize(folder).tags:
                return "it is to be kept"
        except ResultsError as error:
            return str(error)
        if folder.is_symlink():
            folder.unlink()
            return None
        hidden = folder.rename(folder.with_name(_REMOVED + folder.name))
    shutil.rmtree(hidden)
    return None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a run's lock; one of an older qbench has none. Raises OSError, BlockingIOError if it is taken."""
    path = folder / EVENTS
    if not path.exists():
        yield
        return
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
