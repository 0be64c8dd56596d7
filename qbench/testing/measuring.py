"""Measure the cells that tests ask for. Of several worker processes of one session, one does it for all."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import DeviceError, ModelError, QbenchError
from qbench.testing.cells import MeasuredCell
from qbench.testing.marks import Wanted
from qbench.testing.planning import Batch, batch_of, config_of, in_runs, options_of
from qbench.testing.settings import Settings

if TYPE_CHECKING:
    from harness.config import Config
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


Result = MeasuredCell | Problem


def measure(cells: Iterable[Wanted], setup: Setup, shared: Path | None = None) -> dict[Wanted, Result]:
    """Measure cells, and return what became of each. Raises KeyboardInterrupt if the user ended that.

    shared: a folder for what has been measured, if there are several processes that ask for the same cells.
    """
    results: dict[Wanted, Result] = {}
    with nullcontext() if shared is None else _locked(shared / "lock"):
        for number, group in enumerate(in_runs(cells)):
            missing = {cell: problem for cell in group if (problem := _missing(cell)) is not None}
            results |= missing
            there = [cell for cell in group if cell not in missing]
            if there:
                file = None if shared is None else shared / f"{number}.json"
                results |= _measure_batch(batch_of(there), setup, file)
    return results


def _measure_batch(batch: Batch, setup: Setup, file: Path | None) -> dict[Wanted, Result]:
    """Measure a batch, or open the run that another process has stored of it and named in `file`."""
    try:
        if file is not None and file.exists():
            stored = _reopen(json.loads(file.read_text()), batch, setup.results)
        else:
            stored = _run(batch, setup)
            _share(file, {"folder": str(stored.folder), "seen": [*batch.seen]})
    except QbenchError as error:
        problem = Problem(str(error), isinstance(error, DeviceError))
        _share(file, {"problem": problem.text, "unavailable": problem.unavailable})
        return dict.fromkeys(batch.cells, problem)
    return {cell: _result(cell, batch, stored, setup.settings) for cell in batch.cells}


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

    if "problem" in shared:
        raise (DeviceError if shared["unavailable"] else QbenchError)(shared["problem"])
    batch.seen.update(dict.fromkeys(map(tuple, shared["seen"])))
    return open_runs([shared["folder"]], results)


def _share(file: Path | None, found: dict[str, Any]) -> None:
    if file is not None and not file.exists():
        file.write_text(json.dumps(found))


def _result(cell: Wanted, batch: Batch, stored: StoredRun, settings: Settings) -> Result:
    row = batch.row(cell, stored.document.cells)
    if row is not None:
        return MeasuredCell(cell, row, stored, settings)
    names = [variant for model, variant in batch.seen if batch.has(cell, model)]
    return Problem(f'variant "{cell.variant}": {cell.model} has only {", ".join(names)}')


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
