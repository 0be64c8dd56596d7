"""A course in one line of text, and its points put together where there are more than columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from harness.record.history import Course, Point
from harness.report.columns import glyph

BARS = "▁▂▃▄▅▆▇█"
GAP = " "
FLAT = 4  # times the least change that counts: a course that spans less is not stretched to all bars


@dataclass(frozen=True)
class Bin:
    """The points of one column. mark: the sign of what took the place of figures, or None.

    value: the median; low, high: over the points and their intervals.
    """

    value: float | None
    low: float | None
    high: float | None
    mark: str | None


def bins(course: Course, columns: int) -> list[Bin]:
    """Return the points of a course in at most so many columns, the oldest first."""
    usual = usual_state(course.points)
    count = len(course.points)
    edges = [round(n * count / min(columns, count)) for n in range(min(columns, count) + 1)]
    return [_bin(course.points[begin:end], usual) for begin, end in pairwise(edges)]


def column_of(at: int, count: int, columns: int) -> int:
    """Return the column in which `bins` puts a point."""
    width = min(columns, count)
    edges = [round(n * count / width) for n in range(1, width + 1)]
    return next(n for n, edge in enumerate(edges) if at < edge)


def sparkline(course: Course, columns: int, within: float) -> str:
    """Return a course as bars, with the sign of a status where it was not measured as it usually is."""
    found = bins(course, columns)
    logs = [None if one.value is None or one.mark else _level(one.value) for one in found]
    known = [log for log in logs if log is not None]
    if not known:
        return "".join(one.mark or GAP for one in found)
    low, high = min(known), max(known)
    span = max(high - low, FLAT * math.log1p(within))
    low = (low + high - span) / 2
    return "".join(
        one.mark or GAP if log is None else BARS[min(int((log - low) / span * len(BARS)), len(BARS) - 1)]
        for one, log in zip(found, logs, strict=True)
    )


def usual_state(points: Sequence[Point]) -> tuple[str, int | None]:
    """Return the status that most points have, and how many ops are then left on the CPU."""
    states = [(point.status, point.ops_left) for point in points]
    return max(dict.fromkeys(states), key=states.count)


def mark_of(point: Point, usual: tuple[str, int | None]) -> str | None:
    """Return the sign of a point that is not as the others: not measured, or with more ops on the CPU."""
    same = point.status == usual[0] and point.ops_left == usual[1]
    fewer = None not in (point.ops_left, usual[1]) and (point.ops_left or 0) < (usual[1] or 0)
    if point.status == "ok" or (point.value is not None and (same or fewer)):
        return None
    return glyph(point.status)


def _bin(points: Sequence[Point], usual: tuple[str, int | None]) -> Bin:
    values = [point.value for point in points if point.value is not None]
    marks = [mark for point in points if (mark := mark_of(point, usual)) is not None]
    bounds = [bound for point in points for bound in (point.low, point.high) if bound is not None]
    return Bin(
        median(values) if values else None,
        min(values + bounds, default=None),
        max(values + bounds, default=None),
        max(marks, key=marks.count) if 2 * len(marks) > len(points) or (marks and not values) else None,
    )


def _level(value: float) -> float:
    """Return a value on the scale of the bars: logarithmic, linear from 0 downwards."""
    return math.log(value) if value > 0 else value
