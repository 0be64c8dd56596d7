"""How long a cell takes to measure, from runs that have measured it."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from delegates.wire import Launch, Request
from harness.analysis.rows import document
from harness.record import Cell, CellRun, Document, Done, FailedVariant, Row, Run, subject

_RUNS = 3  # the newest ones that measured a cell
_OTHER_NS = 25_000_000  # of a launch that did not say its cost: starting a process, taking turns
# The stopping rule of the device: see delegates/agent/stopping.py.
_AIM = 0.75
_GOOD_LAUNCHES = 10
_COST_PER_BUDGET = 2.0


@dataclass(frozen=True)
class Asked:
    """What decides how long a cell is measured. precision: a fraction."""

    budget_s: float
    precision: float


@dataclass(frozen=True)
class Cost:
    """The seconds that measuring a cell takes, and how many stored runs say so."""

    seconds: float
    stored_runs: int


def rule_of_thumb(asked: Asked) -> Cost:
    """Return the cost of a cell that no run has measured: between a few launches and the most it may cost."""
    return Cost(_COST_PER_BUDGET * asked.budget_s / 2, 0)


class Costs:
    """What cells cost with a budget and a precision, by stored runs, the newest first."""

    def __init__(self, runs: Iterable[Run], asked: Asked) -> None:
        self._asked = asked
        self._runs = [(run, {} if _asked(run) == asked else _half_widths(document(run))) for run in runs]

    def of(self, cell: Cell, model_sha256: str | None) -> Cost:
        """Return the cost of a cell: the median of the newest runs that measured it to the end.

        model_sha256: of the model, which tells variants that are yet to be made.
        """
        found = (
            _seconds(entry, half_widths.get(entry.cell.id), _asked(run), self._asked)
            for run, half_widths in self._runs
            if (entry := _same(cell, run, model_sha256)) is not None
        )
        newest = list(itertools.islice(found, _RUNS))
        return Cost(statistics.median(newest), len(newest)) if newest else rule_of_thumb(self._asked)


def _same(cell: Cell, run: Run, model_sha256: str | None) -> CellRun | None:
    """Return the same cell of a run, measured to the end; of several with the same file, its namesake."""
    same = (
        entry
        for entry in run.cells
        if isinstance(entry.ended, Done) and entry.launches and _is_same(entry.cell, run, cell, model_sha256)
    )
    return max(same, key=lambda entry: entry.cell.id == cell.id, default=None)


def _is_same(stored: Cell, run: Run, cell: Cell, model_sha256: str | None) -> bool:
    """Return whether it is the same file on the same delegate of the same machine."""
    here, there = (
        (one.delegate, one.threads, one.device.name, one.device.place, one.device.cpu, one.device.cores)
        for one in (cell, stored)
    )
    if here != there or isinstance(stored.variant, FailedVariant):
        return False
    if not isinstance(cell.variant, FailedVariant):
        return stored.variant.sha256 == cell.variant.sha256
    models = {(model.name, model.side): model.sha256 for model in run.models}
    named = (subject(stored), stored.variant.name) == (subject(cell), cell.variant.name)
    return (
        named and model_sha256 is not None and models.get((stored.model, stored.variant.side)) == model_sha256
    )


def _asked(run: Run) -> Asked:
    return Asked(run.header.budget_s or 0.0, run.header.precision or 0.0)


def _seconds(entry: CellRun, half_width: float | None, was: Asked, asked: Asked) -> float:
    """Return what a cell cost, or with another budget or precision would have."""
    costs = [(launch.cost_ns or _known_ns(launch)) / 1e9 for launch in entry.launches]
    if was == asked:
        return sum(costs)
    count, each = len(costs), sum(costs) / len(costs)
    timed = sum(sum(map(sum, launch.blocks_ns)) for launch in entry.launches) / 1e9
    limits = Request("run")
    needed = math.inf
    if half_width and asked.precision:
        needed = max(_GOOD_LAUNCHES, count * (half_width / (_AIM * asked.precision)) ** 2)
    affordable = min(_COST_PER_BUDGET * asked.budget_s / each, asked.budget_s * count / max(timed, 1e-9))
    return each * min(needed, limits.max_launches, max(limits.min_launches, affordable))


def _known_ns(launch: Launch) -> int:
    blocks = [time for block in launch.blocks_ns for time in block]
    warm_up = launch.warmup * sum(blocks) // max(1, len(blocks))
    return int(
        launch.init_ns + launch.first_ns + warm_up + sum(blocks) + sum(launch.end_to_end_ns) + _OTHER_NS
    )


def _half_widths(derived: Document) -> dict[str, float]:
    """Return half the width of each speedup's interval as a part of it, by cell id.

    A baseline, which is launched whenever others are, has the widest one of those.
    """
    own = {row.id: half for row in derived.cells if row.id and (half := _half_width(row)) is not None}
    widest: dict[str, float] = {}
    for row in derived.cells:
        if row.baseline and row.id:
            others = [own[o.id] for o in derived.cells if subject(o) == subject(row) and o.id in own]
            widest[row.id] = max(others, default=0.0)
    return own | widest


def _half_width(row: Row) -> float | None:
    if row.baseline or row.speedup is None or not row.speedup.low or not row.speedup.high:
        return None
    return math.log(row.speedup.high / row.speedup.low) / 2
