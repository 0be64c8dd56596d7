"""Open two stored runs and compare them."""

from __future__ import annotations

from pathlib import Path

from harness import store
from harness.analysis import has_sides
from harness.analysis.comparison import Side, compare_runs, compare_sides
from harness.errors import ResultsError
from harness.record import Run
from harness.record.comparison import Comparison, Limits
from harness.session.stored import Note, StoredRun, open_runs


def compare_stored(
    base: str, head: str, results: Path, limits: Limits, note: Note = store.ignore
) -> Comparison:
    """Compare two stored runs, each named as for `qbench show`. Raises ResultsError.

    note: is told of runs that were passed over because they can't be read.
    """
    return compare_runs(open_side(base, results, note), open_side(head, results, note), limits)


def open_side(name: str, results: Path, note: Note = store.ignore) -> Side:
    """Open a run and its document, with its samples. Several names joined by "+" are pooled.

    Raises ResultsError.
    """
    names = [part.strip() for part in name.split("+")]
    together = all(names) and not Path(name).exists()
    opened = open_runs(names if together else [name], results, note=note)
    return with_samples(opened.run, opened.folder), opened.document


def compare_stored_sides(opened: StoredRun, limits: Limits | None = None) -> Comparison | None:
    """Compare the two sides of a stored run; None if it has none."""
    if not has_sides(opened.run):
        return None
    return compare_sides(with_samples(opened.run, opened.folder), opened.document, limits or Limits())


def with_samples(run: Run, folder: Path) -> Run:
    """Return a run with the samples of its tables, if an older qbench stored it and they can be read."""
    try:
        return store.with_launches(run, folder)
    except ResultsError:  # a lone document, or damaged tables: its rows are compared as they are
        return run
