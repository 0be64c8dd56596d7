"""Open stored runs. Their figures are derived from the record each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import analysis, store
from harness.errors import ResultsError
from harness.record import Document, Run
from harness.session.indexing import remember
from harness.store.naming import LATEST

Note = Callable[[str], None]


@dataclass(frozen=True)
class StoredRun:
    """A stored run, with those that it resumes, and the document derived from them.

    folder: of the first run if several are pooled.
    """

    run: Run
    document: Document
    folder: Path


def open_runs(
    names: Sequence[str], results: Path, *, force: bool = False, note: Note = store.ignore
) -> StoredRun:
    """Open the named run, or the latest one without a name; pool several into one. Raises ResultsError.

    names: see `store.resolve`. force: pool runs even if they measured different things. note: is told of
    runs that were passed over because they can't be read.
    A run that resumes another is opened with that one. If a run was cut short and is no longer being written
    to, its run.json is written now.
    """
    paths = [store.resolve(name, results, note) for name in names or [LATEST]]
    folder = _folder(paths[0])
    if len(paths) > 1:
        pooled = analysis.pool(_all_of(paths, results, note), force)
        return StoredRun(pooled, analysis.document(pooled), folder)
    run = store.load(paths[0], results)
    document = analysis.document(run)
    if run.exported is None:
        store.export_if_over(run, document, folder)
    remember(folder, document, results, note, only_if_made=True)
    if run.header.resumes is not None:
        run, document = shown_together(with_resumed(run, folder, note), note)
    return StoredRun(run, document, folder)


def with_resumed(run: Run, folder: Path, note: Note) -> list[Run]:
    """Return the run in a folder and those that it resumes, the oldest first, as far as they are there."""
    runs = [run]
    while (resumes := runs[0].header.resumes) is not None:
        try:
            runs.insert(0, store.load(resumes, folder.parent, launches=True, note=note))
        except ResultsError as error:
            note(f"run {runs[0].header.run_id} resumes {resumes}, which can't be read: {error}")
            break
    return runs


def shown_together(runs: Sequence[Run], note: Note) -> tuple[Run, Document]:
    """Return a run and those that resumed it as one, and its document; the last alone if they differ."""
    try:
        together = analysis.resumed(runs)
    except ResultsError as error:
        note(f"{error}; run {runs[-1].header.run_id} is shown alone")
        together = runs[-1]
    return together, analysis.document(together)


def _all_of(paths: Sequence[Path], results: Path, note: Note) -> list[Run]:
    """Return the runs at these paths and those that they resume, each once."""
    runs: dict[str, Run] = {}
    for path in paths:
        loaded = store.load(path, results, launches=True)
        runs |= {run.header.run_id: run for run in with_resumed(loaded, _folder(path), note)}
    return list(runs.values())


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent
