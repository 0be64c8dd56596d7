"""Stored runs, read again: their figures are derived from the record whenever somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness import analysis, store
from harness.record import Document


def read(names: Sequence[str], results: Path, *, force: bool = False) -> Document:
    """Return the document of the latest run, of the one named, or of several that are pooled.

    force: pool runs although they differ in what was measured.
    A run that was cut short gets its run.json now, if nobody writes to it any more. Raises ResultsError.
    """
    if len(names) > 1:
        return analysis.document(
            analysis.pool([store.load(name, results, launches=True) for name in names], force)
        )
    run = store.load(names[0], results) if names else store.latest(results)
    document = analysis.document(run)
    if run.exported is None:
        store.export_if_over(run, document, store.find(names[0] if names else run.header.run_id, results))
    return document
