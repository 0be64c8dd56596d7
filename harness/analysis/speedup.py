"""The speedup of a cell over its baseline, from the ratios of launches."""

from __future__ import annotations

from typing import NamedTuple

from delegates import stats
from harness.analysis.timing import Timing
from harness.record import BaselineName, Interval, Speedup


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
    found = paired(baseline, cell)
    if found is None:
        return None
    theirs, ours = _comparable(baseline, cell)
    apart = stats.speedup(theirs, ours)  # by how the launches differ, whatever the clock
    speedup = Speedup(found.value, found.low, found.high, named)
    narrow = stats.is_narrow(stats.Interval(found.value, found.low, found.high), precision)
    return Compared(speedup, stats.is_narrow(apart, precision), narrow)


def paired(base: Timing, other: Timing) -> Interval | None:
    """Return how many times faster the other is, launch by launch; None without common launches."""
    theirs, ours = _comparable(base, other)
    found = stats.speedup(theirs, ours, max(base.clock_error, other.clock_error))
    return None if found is None else Interval(found.value, found.low, found.high)


def _comparable(base: Timing, other: Timing) -> tuple[stats.Floors, stats.Floors]:
    return stats.comparable((base.floors, base.cpu_time_floors), (other.floors, other.cpu_time_floors))
