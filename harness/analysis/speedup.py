"""The speedup of a cell over its baseline, from the ratios of launches."""

from __future__ import annotations

from typing import NamedTuple

from delegates import stats
from harness.analysis.timing import Timing
from harness.record import BaselineName, Speedup


class Compared(NamedTuple):
    """A speedup, and whether its interval is as narrow as asked.

    converged: without what the steps of the clock add. narrow: with it.
    """

    speedup: Speedup
    converged: bool
    narrow: bool


def compare(baseline: Timing, cell: Timing, named: BaselineName, precision: float) -> Compared | None:
    """Return the speedup of a cell; None without common launches, or if a clock stood still."""
    if not (baseline.has_times and cell.has_times):
        return None
    theirs, ours = stats.comparable(
        (baseline.floors, baseline.cpu_time_floors), (cell.floors, cell.cpu_time_floors)
    )
    found = stats.speedup(theirs, ours, max(baseline.clock_error, cell.clock_error))
    if found is None:
        return None
    apart = stats.speedup(theirs, ours)  # by how the launches differ, whatever the clock
    speedup = Speedup(found.value, found.low, found.high, named)
    return Compared(speedup, stats.is_narrow(apart, precision), stats.is_narrow(found, precision))
