"""How many times faster a cell is than its baseline, launch by launch."""

from __future__ import annotations

from typing import NamedTuple

from delegates import stats
from harness.analysis.timing import Timing
from harness.record import BaselineName, Speedup


class Compared(NamedTuple):
    """A speedup. `converged`: whether launches agree as closely as asked, but for the step of the clock."""

    speedup: Speedup
    converged: bool


def compare(baseline: Timing, cell: Timing, named: BaselineName, precision: float) -> Compared | None:
    """The speedup of a cell; None without a common launch, or where a clock stood still in either."""
    if not (baseline.has_times and cell.has_times):
        return None
    theirs, ours = stats.comparable(
        (baseline.floors, baseline.cpu_time_floors), (cell.floors, cell.cpu_time_floors)
    )
    found = stats.speedup(theirs, ours, cell.timer_resolution_ns)
    if found is None:
        return None
    apart = stats.speedup(theirs, ours)  # by how the launches differ, whatever the clock
    return Compared(Speedup(found.value, found.low, found.high, named), stats.is_narrow(apart, precision))
