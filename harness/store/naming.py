"""Find the run that a name stands for (docs/results.md, "Naming a run").

In this order: a path, `latest` and `latest~N`, the beginning of a run id, a git revision, branch or tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness import git
from harness.errors import ResultsError
from harness.store.document import RUN_JSON
from harness.store.growing import EVENTS
from harness.store.index import Index, RunEntry, RunFilter, scan, using
from harness.store.index.file import Note
from harness.store.index.scan import RUN_ID
from harness.store.reader import NothingPlannedError
from harness.store.summary import run_id_of, summarize
from harness.store.syncing import sync

LATEST = "latest"
_LATEST = re.compile(r"latest(?:~(\d{1,9}))?")
_REVISION = re.compile(r"[0-9a-f]{4,64}")
_LISTED = 4  # candidates that a message names


def resolve(which: str | Path, results: Path, note: Note) -> Path:
    """Return the folder of the run that is named, or the file. Raises ResultsError.

    note: is told which runs were passed over because they can't be read.
    """
    path = _path(which, results)
    if path is not None:
        return path
    name = str(which)
    if nth := _LATEST.fullmatch(name):
        return _latest(int(nth[1] or 0), results, note)
    found = _by_prefix(name, results) or _by_git(name, results, note)
    if found is None:
        raise ResultsError(
            f"no run {name!r} in {results}, and no folder or file, git revision or branch of that name"
        )
    return found


def newest_first(results: Path) -> Iterator[Path]:
    """Yield the folders of all runs, also of those that can't be read. Raises ResultsError."""
    yield from (results / folder for _, folder in sorted(_ids(results), reverse=True))


def _path(which: str | Path, results: Path) -> Path | None:
    """Return the run's folder, or the file that is named; None if there is none. Raises ResultsError."""
    for path in (results / which, Path(which)):
        try:
            if path.is_file() or any((path / name).is_file() for name in (EVENTS, RUN_JSON)):
                return path
        except OSError as error:  # the name is too long, or permission is denied
            raise ResultsError(f"cannot read {path}: {error.strerror or error}") from None
    return None


def _ids(results: Path) -> list[tuple[str, str]]:
    """Return the id and the folder of every run. They differ if somebody has renamed the folder."""
    names = scan(results).runs
    return [(name if RUN_ID.fullmatch(name) else run_id_of(results / name), name) for name in names]


def _latest(nth: int, results: Path, note: Note) -> Path:
    """Return the newest run but `nth`, of those that have a plan."""
    passed = 0
    for folder in newest_first(results):
        try:
            summarize(folder)
        except NothingPlannedError:
            continue
        except ResultsError as error:
            note(f"{folder.name} is passed over: {error}")
            continue
        if passed == nth:
            return folder
        passed += 1
    if passed:
        raise ResultsError(f"no run {LATEST}~{nth} in {results}: there are {passed}")
    raise ResultsError(f"no runs in {results}; `qbench run` makes one")


def _by_prefix(name: str, results: Path) -> Path | None:
    """Return the one run whose id begins like this. Raises ResultsError if there are several."""
    if not name:
        return None
    found = sorted((run_id, folder) for run_id, folder in _ids(results) if run_id.startswith(name))
    if len(found) > 1:
        listed = ", ".join(folder for _, folder in found[:_LISTED])
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        raise ResultsError(f"{name!r} is the beginning of {len(found)} runs in {results}: {listed}{more}")
    return results / found[0][1] if found else None


def _by_git(name: str, results: Path, note: Note) -> Path | None:
    """Return the newest run of a revision, else of a branch. Raises ResultsError for an ambiguous hash."""
    revision = git.commit(name, Path.cwd())
    asked = [RunFilter(branch=name)]
    if revision is not None:
        asked.insert(0, RunFilter(revision=revision))
    for wanted in asked:
        if found := _runs(wanted, results, note, limit=1):
            return results / found[0].folder
    if not _REVISION.fullmatch(name):
        return None
    runs = _runs(RunFilter(revision=name), results, note)
    revisions = sorted({run.git.revision for run in runs if run.git is not None})
    if len(revisions) > 1:
        listed = ", ".join(revisions[:_LISTED])
        raise ResultsError(f"{name!r} is the beginning of {len(revisions)} revisions of runs: {listed}")
    return results / runs[0].folder if runs else None


def _runs(wanted: RunFilter, results: Path, note: Note, limit: int | None = None) -> list[RunEntry]:
    def ask(index: Index) -> list[RunEntry]:
        sync(index, results, note)
        return index.runs(wanted, limit)

    return using(results, ask, note)
