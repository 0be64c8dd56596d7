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
        pooled = analysis.pool([store.load(name, results) for name in names], force)
        return StoredRun(pooled, analysis.document(pooled), store.find(names[0], results))
    run = store.load(names[0], results) if names else store.latest(results)
    document = analysis.document(run)
    folder = store.find(names[0] if names else run.header.run_id, results)
    if run.exported is None:
        store.export_if_over(run, document, folder)
    return StoredRun(run, document, folder)
