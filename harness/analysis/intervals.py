"""Compare the speedups of rows. Every row passed to these functions has a speedup."""

from __future__ import annotations

import math
from collections.abc import Iterable

from delegates import stats
from harness.record import Row, Speedup


def could_be_one(speedup: Speedup) -> bool:
    """Return whether no difference is shown: the interval includes 1, or there is no interval."""
    return speedup.low is None or speedup.high is None or speedup.low <= 1 <= speedup.high


def is_faster(row: Row) -> bool:
    """Return whether a row is shown to be faster than its baseline."""
    return not could_be_one(of(row)) and low(row) > 1


def may_be_as_fast(row: Row, first: Row) -> bool:
    """Return whether the intervals overlap. Without an interval, a row counts as possibly faster."""
    return low(first) <= high(row) and (low(row) <= high(first) or not has_interval(row))


def fastest_first(rows: Iterable[Row]) -> list[Row]:
    """Sort rows by speedup, the fastest first. Equal ones are sorted by id, to be independent of order."""
    return sorted(rows, key=lambda row: (-value(row), str(row.id)))


def of(row: Row) -> Speedup:
    """Return the row's speedup. Raises ValueError if it has none."""
    if row.speedup is None:
        raise ValueError(f"{row.id} has no speedup")
    return row.speedup


def value(row: Row) -> float:
    """Return how many times faster a row is than its baseline."""
    return of(row).value


def low(row: Row) -> float:
    """Return the lower bound of the interval; without an interval, the value."""
    bound = of(row).low
    return value(row) if bound is None else bound


def high(row: Row) -> float:
    """Return the upper bound of the interval; without an interval, the value."""
    bound = of(row).high
    return value(row) if bound is None else bound


def has_interval(row: Row) -> bool:
    """Return whether the speedup has an interval."""
    return of(row).low is not None and of(row).high is not None


def bounds(row: Row) -> stats.Interval:
    """Return the speedup as the interval type of delegates.stats."""
    return stats.Interval(value(row), of(row).low, of(row).high)


def half_width(row: Row) -> float:
    """Return half the width of the interval on the log scale, a relative error; infinite without one."""
    if not has_interval(row) or low(row) <= 0:
        return math.inf
    return math.log(high(row) / low(row)) / 2
