"""A course as a diagram of characters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from harness.record.history import Course
from harness.report.sparkline import FLAT, Bin, bins, column_of

ROWS = 11
_POINT, _RANGE, _LEVEL, _STEP = "●", "│", "┄", "▲"


def plot(course: Course, width: int, text: Callable[[float], str], within: float) -> list[str]:
    """Return the lines of a diagram, `width` columns wide. text: writes a value of the axis.

    within: the least change that counts; what spans little more is not stretched over the whole axis.

    A point is the median of a column, a bar spans its runs and their intervals, a dotted line is the median
    between two steps. Below the axis are the signs of what was not measured, and of steps.
    """
    known = [one for one in bins(course, width) if one.value is not None]
    if not known:
        return []
    low = min(one.low for one in known if one.low is not None)
    high = max(one.high for one in known if one.high is not None)
    low, high = _stretched(low, high, within)
    labels = [text(low + (high - low) * n / (ROWS - 1)) if n % 5 == 0 else "" for n in range(ROWS)]
    margin = max(map(len, labels))
    columns = bins(course, width - margin - 2)
    rows = _rows(course, columns, low, high)
    lines = [f"{label:>{margin}} ┤{row}" for label, row in zip(labels[::-1], rows[::-1], strict=True)]
    return [*lines, f"{'':{margin}} └{'─' * len(columns)}", *_below(course, columns, margin + 2)]


def _stretched(low: float, high: float, within: float) -> tuple[float, float]:
    """Return the ends of an axis: those given, or farther apart if they hardly differ."""
    middle = (low + high) / 2
    least = FLAT * within * abs(middle)
    if high - low > least:
        return low, high
    return (middle - least / 2, middle + least / 2) if least else (middle * 0.9, middle * 1.1 or 1.0)


def _rows(course: Course, columns: Sequence[Bin], low: float, high: float) -> list[str]:
    """Return the rows of the diagram, the lowest first."""

    def row(value: float) -> int:
        return min(max(round((value - low) / (high - low) * (ROWS - 1)), 0), ROWS - 1)

    drawn = [[" "] * len(columns) for _ in range(ROWS)]
    for (begin, end), level in _levels(course, len(columns)):
        for column in range(begin, end):
            drawn[row(level)][column] = _LEVEL
    for column, one in enumerate(columns):
        if one.value is None or one.low is None or one.high is None or one.mark:
            continue
        for at in range(row(one.low), row(one.high) + 1):
            drawn[at][column] = _RANGE
        drawn[row(one.value)][column] = _POINT
    return ["".join(line).rstrip() for line in drawn]


def _levels(course: Course, width: int) -> list[tuple[tuple[int, int], float]]:
    """Return the columns and the median of each stretch between steps of the figure."""
    count = len(course.points)
    steps = [step for step in course.steps if step.kind == "figure"]
    edges = [0, *(column_of(step.at, count, width) for step in steps), width]
    levels = [step.before for step in steps] + [step.after for step in steps[-1:]]
    pairs = zip(pairwise(edges), levels, strict=False)
    return [(columns, level) for columns, level in pairs if not isinstance(level, str)]


def _below(course: Course, columns: Sequence[Bin], margin: int) -> list[str]:
    """Return the lines below the axis: signs of gaps, of steps, and the first and the last date."""
    marks = "".join(one.mark or " " for one in columns).rstrip()
    signs = [" "] * len(columns)
    for step in course.steps:
        signs[column_of(step.at, len(course.points), len(columns))] = _STEP
    first, last = (point.started_at[:10] for point in (course.points[0], course.points[-1]))
    dates = f"{first}{last:>{len(columns) - len(first)}}" if len(columns) > 2 * len(first) else first
    below = [marks, "".join(signs).rstrip(), dates]
    return [" " * margin + line for line in below if line]
