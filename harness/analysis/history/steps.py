"""Find where the level of a series changed: a CUSUM test over seeded intervals.

The test, its level and what it was tried on: docs/statistics.md, "Steps in a history".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from statistics import median
from typing import NamedTuple

SHORTEST = 4  # points on each side of a step
FEWEST = 2 * SHORTEST  # points in which a step can be found
_LAGS = (1, 2, 4, 8)  # lengths of the blocks from whose means the noise is estimated
_DECAY = math.sqrt(0.5)  # of the lengths of intervals (Kovács et al., section 2)
_NORMAL = 0.67448975 * math.sqrt(2)  # the median of |a - b| of two standard normal values
_CLIPPED = 3.0  # times the noise: farther from its neighbours a point counts no more than this
_THRESHOLD = (3.0, 0.35, 30.0)  # the level of the test: see `threshold`


class _Split(NamedTuple):
    """How strongly the means before and after a position differ, in units of the noise."""

    strength: float
    at: int
    begin: int
    end: int


def steps(values: Sequence[float], smallest: float) -> list[int]:
    """Return the positions at which a new level begins.

    values: logarithms, in order. smallest: the least difference of two levels' medians that counts.
    """
    found: list[int] = []
    while len(values) >= FEWEST:
        scale = max(noise(_flat(values, found)), smallest / 8)
        clipped = _clip(values, scale)
        limit = threshold(len(values)) * scale
        better = _kept(values, clipped, _greedy(clipped, limit), limit, smallest)
        if len(better) <= len(found):  # large steps hide smaller ones, by the noise that they seem to be
            break
        found = better
    return found


def _flat(values: Sequence[float], found: Sequence[int]) -> list[float]:
    """Return the values without their steps: each minus the median of its level."""
    flat: list[float] = []
    for begin, end in pairwise([0, *found, len(values)]):
        level = median(values[begin:end])
        flat += [value - level for value in values[begin:end]]
    return flat


def threshold(count: int) -> float:
    """Return what the strength of a step has to exceed among `count` points.

    A curve through the 99th percentiles of the strongest split in normal noise without a step, in which
    neighbours are correlated by 0.5, found by simulation (benchmarks/steps.py).
    """
    constant, logarithmic, short = _THRESHOLD
    return constant + logarithmic * math.log(count) + short / count


def noise(values: Sequence[float]) -> float:
    """Return the standard deviation of points around their level, as it counts for long stretches.

    It is estimated from differences of neighbouring blocks, which a few steps do not disturb, and is the
    largest over several lengths of blocks, because drift adds up (Wu & Zhao, section 3).
    """
    sums = [0.0, *accumulate(values)]
    largest = 0.0
    for lag in _LAGS:
        if len(values) < 8 * lag:
            break
        apart = [
            abs(sums[at + 2 * lag] - 2 * sums[at + lag] + sums[at]) for at in range(len(values) - 2 * lag + 1)
        ]
        largest = max(largest, median(apart) / math.sqrt(lag) / _NORMAL)
    return largest


def _clip(values: Sequence[float], scale: float) -> list[float]:
    """Return the values, none of them far from the median of the five around it."""
    clipped = []
    for at, value in enumerate(values):
        begin = max(0, min(at - 2, len(values) - 5))
        near = median(values[begin : begin + 5])
        clipped.append(min(max(value, near - _CLIPPED * scale), near + _CLIPPED * scale))
    return clipped


def _greedy(values: Sequence[float], limit: float) -> list[int]:
    """Take the strongest split, then the strongest of the intervals without it, and so on."""
    sums = [0.0, *accumulate(values)]
    strong = [
        best for best in (_best(sums, *each) for each in _intervals(len(values))) if best.strength > limit
    ]
    found: list[int] = []
    for split in sorted(strong, reverse=True):
        if not any(split.begin < at < split.end for at in found):
            found.append(split.at)
    return sorted(found)


def _kept(
    values: Sequence[float], clipped: Sequence[float], found: Sequence[int], limit: float, smallest: float
) -> list[int]:
    """Return the steps that hold between their neighbours; the weakest of the others is left out first."""
    sums = [0.0, *accumulate(clipped)]
    kept = list(found)
    while kept:
        weak = []
        for n in range(len(kept)):
            bounds = [0, *kept, len(values)]
            split = _best(sums, bounds[n], bounds[n + 2])
            before, after = values[split.begin : split.at], values[split.at : split.end]
            if split.strength > limit and abs(median(after) - median(before)) >= smallest:
                kept[n] = split.at
            else:
                weak.append((split.strength, n))
        if not weak:
            break
        del kept[min(weak)[1]]
    return kept


def _intervals(count: int) -> Iterator[tuple[int, int]]:
    """Yield seeded intervals: of ever shorter lengths, each length overlapping by half (Kovács et al.)."""
    length = float(count)
    while round(length) >= FEWEST:
        number = 2 * math.ceil(count / length) - 1
        shift = (count - length) / (number - 1) if number > 1 else 0.0
        for nth in range(number):
            yield math.floor(nth * shift), min(count, math.ceil(nth * shift + length))
        length *= _DECAY


def _best(sums: Sequence[float], begin: int, end: int) -> _Split:
    """Return the strongest split of an interval; its strength is 0 if one side of it is too short."""
    before, total, count = sums[begin], sums[end] - sums[begin], end - begin
    strongest, found = 0.0, begin
    for at in range(begin + 1, end):
        left = at - begin
        strength = abs(sums[at] - before - total * left / count) * math.sqrt(count / (left * (count - left)))
        if strength > strongest:
            strongest, found = strength, at
    whole = begin + SHORTEST <= found <= end - SHORTEST
    return _Split(strongest if whole else 0.0, found, begin, end)
