"""Stored runs, read again: their figures are derived from the record whenever somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import analysis, store
from harness.record import Document, Run


@dataclass(frozen=True)
class StoredRun:
    """A stored run and every figure derived from it; of several pooled runs `folder` is the first one's."""

    run: Run
    document: Document
    folder: Path


def open_runs(names: Sequence[str], results: Path, *, force: bool = False) -> StoredRun:
    """Open the latest run, the one named, or several pooled to one. Raises ResultsError.

    force: pool runs although they differ in what was measured.
    A run that was cut short gets its run.json now, if nobody writes to it any more.
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
