"""Open stored runs. Their figures are derived from the record each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import analysis, store
from harness.record import Document, Run
from harness.session.indexing import remember
from harness.store.naming import LATEST

Note = Callable[[str], None]


@dataclass(frozen=True)
class StoredRun:
    """A stored run and the document derived from it. `folder`: of the first run if several are pooled."""

    run: Run
    document: Document
    folder: Path


def open_runs(
    names: Sequence[str], results: Path, *, force: bool = False, note: Note = store.ignore
) -> StoredRun:
    """Open the named run, or the latest one without a name; pool several into one. Raises ResultsError.

    names: see `store.resolve`. force: pool runs even if they measured different things. note: is told of
    runs that were passed over because they can't be read.
    If a run was cut short and is no longer being written to, its run.json is written now.
    """
    paths = [store.resolve(name, results, note) for name in names or [LATEST]]
    folder = paths[0] if paths[0].is_dir() else paths[0].parent
    if len(paths) > 1:
        pooled = analysis.pool([store.load(path, results, launches=True) for path in paths], force)
        return StoredRun(pooled, analysis.document(pooled), folder)
    run = store.load(paths[0], results)
    document = analysis.document(run)
    if run.exported is None:
        store.export_if_over(run, document, folder)
    remember(folder, document, results, note, only_if_made=True)
    return StoredRun(run, document, folder)
