"""Publish a store of runs as a static site."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness import __version__, analysis, store
from harness.analysis.site import CellName, Courses, cell_name
from harness.errors import ResultsError
from harness.record import Document
from harness.record.site import Site, SiteRun
from harness.session.indexing import list_cells, list_runs
from harness.store.index import CellEntry, CellFilter, RunEntry, RunFilter
from harness.store.publishing import check_folder, publish_file, publish_run
from harness.store.syncing import Skipped

Note = Callable[[str], None]
PAGE, DATA = "index.html", "data.json"


@dataclass(frozen=True)
class Request:
    """What is published where. limit: the most runs of a cell, its newest. samples: also the raw samples."""

    results: Path
    out: Path
    limit: int
    samples: bool = False


def publish(
    wanted: Request, render: Callable[[Site], str], encode: Callable[[Site], str], note: Note
) -> tuple[Site, Skipped]:
    """Write the site, the page last, and return its data and what of the store is no run.

    render, encode: make index.html and data.json. note: is told of runs that are passed over because they
    can't be read. Files in the folder that are not the site's stay. Raises ResultsError.
    """
    _, stored, skipped = list_runs(wanted.results, RunFilter(), note, 0)
    runs, cells = list_cells(wanted.results, RunFilter(), CellFilter(), note)
    newest = _newest(runs, cells, wanted.limit)
    courses = Courses()
    check_folder(wanted.out, wanted.results)
    for run in newest:
        folder = wanted.results / run.folder
        try:
            document, is_exported = _read(folder, wanted.results)
        except ResultsError as error:
            note(f"{run.folder} is passed over: {error}")
            continue
        urls = publish_run(wanted.out, folder, None if is_exported else document, samples=wanted.samples)
        courses.add(_described(run, urls), document)
    if not courses.runs:
        raise ResultsError(f"no runs with figures in {wanted.results}")
    site = Site(
        made_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        qbench_version=__version__,
        stored=stored,
        limit=wanted.limit,
        runs=tuple(courses.runs),
        setups=tuple(courses.setups),
        baselines=tuple(courses.baselines),
        cells=courses.cells(wanted.limit),
    )
    publish_file(wanted.out, DATA, encode(site))
    publish_file(wanted.out, PAGE, render(site))
    return site, skipped


def _newest(runs: Sequence[RunEntry], cells: Sequence[CellEntry], limit: int) -> list[RunEntry]:
    """Return the runs that are among the `limit` newest of any of their cells, the oldest first.

    A run without any figures in the index can't be read: it is returned, too, so that somebody finds out why.
    """
    counts = Counter[CellName]()
    kept, known = set[str](), set[str]()
    for cell in cells:  # of the newest run first
        known.add(cell.folder)
        name = cell_name(cell)
        counts[name] += 1
        if counts[name] <= limit:
            kept.add(cell.folder)
    kept |= {run.folder for run in runs if run.folder not in known and run.state != "running"}
    return [run for run in reversed(runs) if run.folder in kept]


def _read(folder: Path, results: Path) -> tuple[Document, bool]:
    """Return the document of a run, and whether its run.json holds just that. Raises ResultsError."""
    exported = store.exported_document(folder, analysis.ESTIMATOR)
    if exported is not None:
        return exported, True
    return analysis.document(store.load(folder, results)), False


def _described(run: RunEntry, urls: Sequence[str]) -> SiteRun:
    """Return what the site says of a run. urls: of its files, that of run.json first."""
    raw, *tables = urls
    git = run.git
    return SiteRun(
        folder=run.folder,
        run_id=run.run_id,
        started_at=run.started_at,
        state=run.state,
        qbench_version=run.qbench_version,
        revision=None if git is None else git.revision,
        branch=None if git is None else git.branch,
        dirty=git is not None and git.dirty,
        tags=run.tags,
        raw=raw,
        samples=next(iter(tables), None),
    )
