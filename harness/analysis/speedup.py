"""The speedup of a cell over its baseline, from the ratios of launches."""

from __future__ import annotations

from typing import NamedTuple

from delegates import stats
from harness.analysis.timing import Timing
from harness.record import BaselineName, Speedup


class Compared(NamedTuple):
    """A speedup. `converged`: whether launches agree as closely as asked, ignoring the clock's resolution."""

    speedup: Speedup
    converged: bool


def compare(baseline: Timing, cell: Timing, named: BaselineName, precision: float) -> Compared | None:
    """Return the speedup of a cell; None without common launches, or if a clock stood still."""
    if not (baseline.has_times and cell.has_times):
        return None
    theirs, ours = _floors(baseline, cell)
    ratio = stats.speedup(theirs, ours, cell.timer_resolution_ns)
    if ratio is None:
        return None
    of_launches = stats.speedup(theirs, ours)  # without the clock's resolution
    speedup = Speedup(ratio.value, ratio.low, ratio.high, named)
    return Compared(speedup, stats.is_narrow(of_launches, precision))


def _floors(baseline: Timing, cell: Timing) -> tuple[dict[int, float], dict[int, float]]:
    """Return both cells' floors in ns by launch number, so that all are of the same clock.

    They are of CPU time if both cells measured it in all common launches, else of wall time.
    """
    common = baseline.floors.keys() & cell.floors.keys()
    if common <= baseline.cpu_time_floors.keys() & cell.cpu_time_floors.keys():
        return baseline.cpu_time_floors, cell.cpu_time_floors
    return baseline.floors, cell.floors
