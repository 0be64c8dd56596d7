"""The speedups of rows beside each other. All rows here have one."""

from __future__ import annotations

import math
from collections.abc import Iterable

from delegates import stats
from harness.record import Row, Speedup


def could_be_one(speedup: Speedup) -> bool:
    """Whether the interval includes 1, or there is none: no difference was shown."""
    return speedup.low is None or speedup.high is None or speedup.low <= 1 <= speedup.high


def is_faster(row: Row) -> bool:
    """Whether a row is shown to be faster than its baseline."""
    return not could_be_one(of(row)) and low(row) > 1


def may_be_as_fast(row: Row, first: Row) -> bool:
    """True if the intervals overlap. A missing one reaches from the value up: nothing was shown."""
    return low(first) <= high(row) and (low(row) <= high(first) or not has_interval(row))


def fastest_first(rows: Iterable[Row]) -> list[Row]:
    """Equal ones by their id, so that the order of a document's cells decides nothing."""
    return sorted(rows, key=lambda row: (-value(row), str(row.id)))


def of(row: Row) -> Speedup:
    """The row's speedup. Raises ValueError if it has none."""
    if row.speedup is None:
        raise ValueError(f"{row.id} has no speedup")
    return row.speedup


def value(row: Row) -> float:
    """How many times faster than its baseline."""
    return of(row).value


def low(row: Row) -> float:
    """The interval's lower bound; the value itself where there is no interval."""
    bound = of(row).low
    return value(row) if bound is None else bound


def high(row: Row) -> float:
    """The interval's upper bound; the value itself where there is no interval."""
    bound = of(row).high
    return value(row) if bound is None else bound


def has_interval(row: Row) -> bool:
    """Whether there is an interval, and not only a value."""
    return of(row).low is not None and of(row).high is not None


def bounds(row: Row) -> stats.Interval:
    """The interval as statistics have it."""
    return stats.Interval(value(row), of(row).low, of(row).high)


def half_width(row: Row) -> float:
    """Half the width of the interval's logarithm: a relative error; infinite without an interval."""
    if not has_interval(row) or low(row) <= 0:
        return math.inf
    return math.log(high(row) / low(row)) / 2
