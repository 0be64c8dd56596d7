"""What a cell did beyond what the others of its group did in the same runs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

Logs = Mapping[int, float]  # logarithms by column


def relative(group: Sequence[Logs]) -> Iterator[tuple[Logs, int]]:
    """Yield the course of each cell of a group relative to the others, and how many others there mostly are.

    In each column, the median of how far the others are from their own levels is subtracted. Columns in which
    no other was measured are left out.
    """
    levels = [median(logs.values()) if logs else 0.0 for logs in group]
    apart: dict[int, list[float]] = {}
    for logs, level in zip(group, levels, strict=True):
        for column, value in logs.items():
            apart.setdefault(column, []).append(value - level)
    for each in apart.values():
        each.sort()
    for logs, level in zip(group, levels, strict=True):
        own = {
            column: value - _median_without(apart[column], value - level)
            for column, value in logs.items()
            if len(apart[column]) > 1
        }
        counts = sorted(len(apart[column]) - 1 for column in own)
        yield own, counts[len(counts) // 2] if counts else 0


def _median_without(ordered: Sequence[float], left_out: float) -> float:
    """Return the median of ordered values without one of them."""
    gone, count = bisect_left(ordered, left_out), len(ordered) - 1

    def nth(position: int) -> float:
        return ordered[position + (position >= gone)]

    return (nth((count - 1) // 2) + nth(count // 2)) / 2
