"""Open stored runs. Their figures are derived from the record each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import analysis, store
from harness.record import Document, Run


@dataclass(frozen=True)
class StoredRun:
    """A stored run and the document derived from it. `folder`: of the first run if several are pooled."""

    run: Run
    document: Document
    folder: Path


def open_runs(names: Sequence[str], results: Path, *, force: bool = False) -> StoredRun:
    """Open the named run, or the latest one without a name; pool several into one. Raises ResultsError.

    force: pool runs even if they measured different things.
    If a run was cut short and is no longer being written to, its run.json is written now.
    """
    if len(names) > 1:
        pooled = analysis.pool([store.load(name, results, launches=True) for name in names], force)
        return StoredRun(pooled, analysis.document(pooled), store.find(names[0], results))
    folder, run = _open(names[0], results) if names else store.newest(results)
    document = analysis.document(run)
    if run.exported is None:
        store.export_if_over(run, document, folder)
    return StoredRun(run, document, folder)


def _open(name: str, results: Path) -> tuple[Path, Run]:
    return store.find(name, results), store.load(name, results)
