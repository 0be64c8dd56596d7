"""Find the steps of a figure that is timed or sampled, and whose they are: a cell's own, or its group's."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from harness.analysis import shift
from harness.analysis.history import steps
from harness.analysis.history.relative import Logs, relative
from harness.record.history import Step, Whose

_ENOUGH = 3  # others whose median one of them hardly moves
_NEAR = steps.SHORTEST - 1  # columns within which two steps are the same one
_NEAREST = 50  # points on each side of a step from which its interval is made
_BESIDE = 2 * steps.SHORTEST  # the same for what the others did there: later they may have steps of their own


class _Change(NamedTuple):
    """What changed at a column: as measured and relative to the others, as logarithms."""

    column: int
    measured: float
    relative: float | None
    before: Sequence[float]
    after: Sequence[float]


def judged(group: Sequence[Logs], within: float, wanted: Collection[int] | None = None) -> list[list[Step]]:
    """Return the steps of each cell of a group. Their positions are columns. within: the least change.

    group: the cells that something may have moved together. wanted: which of them to look at; the others have
    no steps. None is all.
    """
    smallest = math.log1p(within)
    found = [
        _changes(logs, *own, smallest) if wanted is None or number in wanted else []
        for number, (logs, own) in enumerate(zip(group, relative(group), strict=True))
    ]
    return [[_step(change, group, smallest) for change in changes] for changes in found]


def _changes(logs: Logs, own: Logs, others: int, smallest: float) -> list[_Change]:
    """Return the changes that show as measured, also where only the course relative to others has a step."""
    columns = _columns(logs, smallest)
    if others >= _ENOUGH:
        clear = _columns(own, smallest)
        columns = sorted({*clear, *(one for one in columns if not _is_near(one, clear))})
    bounds = [-1, *columns, max(logs, default=0) + 1]
    found = [
        _change(logs, own, begin, at, end)
        for (begin, at), (_, end) in pairwise(pairwise(bounds))
        if any(begin <= column < at for column in logs) and any(at <= column < end for column in logs)
    ]
    return [change for change in found if abs(change.measured) >= smallest]


def _columns(logs: Logs, smallest: float) -> list[int]:
    """Return the columns at which a course has steps."""
    ordered = list(logs)
    return [ordered[at] for at in steps.steps(list(logs.values()), smallest)]


def _is_near(column: int, columns: Sequence[int]) -> bool:
    return any(abs(column - other) <= _NEAR for other in columns)


def _change(logs: Logs, own: Logs, begin: int, at: int, end: int) -> _Change:
    before, after = _around(logs, begin, at, end)
    mine = _around(own, begin, at, end)
    known = all(len(side) >= steps.SHORTEST for side in mine)
    return _Change(
        at,
        median(after) - median(before),
        median(mine[1][:_BESIDE]) - median(mine[0][-_BESIDE:]) if known else None,
        before,
        after,
    )


def _around(logs: Logs, begin: int, at: int, end: int) -> tuple[list[float], list[float]]:
    """Return the values between two columns, before and after a third."""
    before = [value for column, value in logs.items() if begin <= column < at]
    return before, [value for column, value in logs.items() if at <= column < end]


def _step(change: _Change, group: Sequence[Logs], smallest: float) -> Step:
    interval = shift.shift(change.before[-_NEAREST:], change.after[:_NEAREST])
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    moved = [logs for logs in group if _measured_around(logs, change.column)]
    same = [logs for logs in moved if _move(logs, change.column) * change.measured > 0]
    return Step(
        at=change.column,
        last=change.column,
        kind="figure",
        whose=_whose(change, smallest),
        before=math.exp(median(change.before)),
        after=math.exp(median(change.after)),
        change=math.expm1(change.measured if interval is None else interval.value),
        low=None if low is None else math.expm1(low),
        high=None if high is None else math.expm1(high),
        relative=None if change.relative is None else math.expm1(change.relative),
        moved=sum(abs(_move(logs, change.column)) >= smallest for logs in same),
        of=len(moved),
    )


def _whose(change: _Change, smallest: float) -> Whose:
    if change.relative is None:
        return "unknown"
    if abs(change.relative) < max(smallest, abs(change.measured) / 2):
        return "group"
    return "cell" if change.relative * change.measured > 0 else "unknown"


def _measured_around(logs: Logs, column: int) -> bool:
    return any(at < column for at in logs) and any(at >= column for at in logs)


def _move(logs: Logs, column: int) -> float:
    """Return how far the medians of the few points before and after a column are apart."""
    before = [value for at, value in logs.items() if at < column][-_BESIDE:]
    after = [value for at, value in logs.items() if at >= column][:_BESIDE]
    return median(after) - median(before)
