"""Measure the cells that tests ask for. Of several worker processes of one session, one does it for all."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import DeviceError, ModelError, QbenchError
from qbench.testing.cells import MeasuredCell
from qbench.testing.marks import Wanted
from qbench.testing.planning import Batch, batch_of, config_of, in_runs, options_of
from qbench.testing.settings import Settings

if TYPE_CHECKING:
    from harness.config import Config
    from harness.record.comparison import Comparison
    from harness.session.stored import StoredRun


@dataclass(frozen=True)
class Problem:
    """Why a cell has no figures. unavailable: because its hardware is not there."""

    text: str
    unavailable: bool = False


@dataclass(frozen=True)
class Setup:
    """What all runs of a session share. results: the folder that they are stored in."""

    settings: Settings
    config: Config
    results: Path


_KINDS = (DeviceError, ModelError, QbenchError)  # the errors that make a difference here

Result = MeasuredCell | Problem


def measure(cells: Iterable[Wanted], setup: Setup, shared: Path | None = None) -> dict[Wanted, Result]:
    """Measure cells, and return what became of each. Raises KeyboardInterrupt if the user ended that.

    shared: a folder for what has been measured, if there are several processes that ask for the same cells.
    """
    results: dict[Wanted, Result] = {}
    # Wherever pytest was started: relative paths begin in rootdir, and another folder stands for that.
    with chdir(setup.settings.root), nullcontext() if shared is None else _locked(shared / "lock"):
        for number, group in enumerate(in_runs(cells)):
            missing = {cell: problem for cell in group if (problem := _missing(cell)) is not None}
            results |= missing
            there = [cell for cell in group if cell not in missing]
            if there:
                file = None if shared is None else shared / f"{number}.json"
                results |= _measure_batch(batch_of(there), setup, file)
    return results


def _measure_batch(batch: Batch, setup: Setup, file: Path | None) -> dict[Wanted, Result]:
    """Measure a batch, or open the run that another process has stored of it and named in `file`.

    If one of several models can't be measured, each gets a run of its own, so that only its tests fail.
    """
    try:
        stored = _stored(batch, setup, file)
    except QbenchError as error:
        if isinstance(error, ModelError) and len(batch.models) > 1:
            return _measure_apart(batch, setup, file)
        problem = Problem(str(error), isinstance(error, DeviceError))
        found = {cell: batch.unknown(cell) for cell in batch.cells}
        return {cell: problem if unknown is None else Problem(unknown) for cell, unknown in found.items()}
    return _results(batch, stored, setup.settings)


def _measure_apart(batch: Batch, setup: Setup, file: Path | None) -> dict[Wanted, Result]:
    results: dict[Wanted, Result] = {}
    for number, part in enumerate(batch.by_model()):
        results |= _measure_batch(part, setup, file and file.with_stem(f"{file.stem}-{number}"))
    return results


def _stored(batch: Batch, setup: Setup, file: Path | None) -> StoredRun:
    """Return the run of a batch. Raises QbenchError."""
    if file is not None and file.exists():
        return _reopen(json.loads(file.read_text()), batch, setup.results)
    try:
        stored = _run(batch, setup)
    except QbenchError as error:
        kind = next(kind for kind in _KINDS if isinstance(error, kind))
        _share(file, batch, problem=str(error), kind=kind.__name__)
        raise
    _share(file, batch, folder=str(stored.folder))
    return stored


def _run(batch: Batch, setup: Setup) -> StoredRun:
    """Measure a batch and store its run. Raises QbenchError."""
    from harness.report.figures import plural
    from harness.report.progress import ProgressBar
    from harness.session.run import run
    from harness.session.stored import StoredRun

    settings = setup.settings
    options = options_of(batch, settings, setup.results)
    with ProgressBar(quiet=settings.quiet or not settings.timed) as bar:
        outcome = run(options, config_of(batch, setup.config), bar)
        if outcome.document.interrupted:
            raise KeyboardInterrupt
        cells = plural(len(outcome.document.cells), "cell")
        bar.note(outcome.problem or f"{cells} measured, stored in {outcome.folder}")
    return StoredRun(outcome.run, outcome.document, outcome.folder)


def _reopen(shared: dict[str, Any], batch: Batch, results: Path) -> StoredRun:
    """Open the run that another process has measured, or raise the error that it met there."""
    from harness.session.stored import open_runs

    batch.seen.update(dict.fromkeys(map(tuple, shared["seen"])))
    if "problem" in shared:
        raise next(kind for kind in _KINDS if kind.__name__ == shared["kind"])(shared["problem"])
    return open_runs([shared["folder"]], results)


def _share(file: Path | None, batch: Batch, **found: str) -> None:
    if file is not None:
        file.write_text(json.dumps({**found, "seen": [*batch.seen]}))


def _results(batch: Batch, stored: StoredRun, settings: Settings) -> dict[Wanted, Result]:
    """Return what became of the cells of a batch; of a run with two sides, HEAD's, compared with BASE's."""
    from harness.analysis import sides
    from harness.analysis.comparison import compare_sides
    from harness.record.comparison import Limits

    run, document = stored.run, stored.document
    limits = Limits(latency=settings.fail_over, accuracy=settings.fail_accuracy)
    compared = None if settings.against is None else compare_sides(run, document, limits)
    head = replace(stored, run=sides.run_of(run, "head"), document=sides.document_of(document, "head"))
    return {cell: _result(cell, batch, head, compared, settings) for cell in batch.cells}


def _result(
    cell: Wanted, batch: Batch, stored: StoredRun, compared: Comparison | None, settings: Settings
) -> Result:
    row, unknown = batch.row(cell, stored.document.cells), batch.unknown(cell)
    if row is None or unknown is not None:
        return Problem(unknown or f"{cell.model}: no such cell was planned")
    return MeasuredCell(cell, row, stored, compared, settings)


def _missing(cell: Wanted) -> Problem | None:
    """Return why a cell's model can't be found; None if it can."""
    try:
        batch_of([cell])
    except ModelError as error:
        return Problem(f"{error}; relative paths start in pytest's rootdir")
    return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
