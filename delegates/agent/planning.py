"""Plan how much to time in a launch: divide a job's time so that its interval narrows fastest.

The variance of a job's result is (between + within / blocks) / launches: launches differ by more than their
blocks do. Its cost is launches x (launch_cost + blocks x block_cost). Their product is smallest for

    blocks = sqrt(within / between x launch_cost / block_cost)

whatever the number of launches: the optimum allocation of two-stage sampling (Cochran, "Sampling Techniques",
3rd edition, section 10.6).
"""

from __future__ import annotations

import math
from typing import NamedTuple, Optional, Sequence, Tuple

FIRST_BLOCKS = 10  # of a launch, until enough is known to plan
_LEAST_BLOCKS, _MOST_BLOCKS = 4, 100
_LEAST_LAUNCHES = 3  # to estimate variances from
_LEAST_BETWEEN = 0.1  # of the variance of launches: a few launches can agree by chance

Halves = Tuple[float, float]  # floors of a launch from every other block: of its even and of its odd blocks


class Spread(NamedTuple):
    """Variances of a job's logarithms: of one block, and of launches beyond what their blocks explain."""

    within: float
    between: float


class Cost(NamedTuple):
    """Wall time in ns: of a launch without its blocks, and of one block."""

    launch_ns: float
    block_ns: float


def spread(
    values: Sequence[float], blocks: float, halves: Sequence[Halves], of_baseline: Sequence[Halves] = ()
) -> Optional[Spread]:
    """Estimate the variances, or None if too few launches are known.

    values: the logarithm of each launch's floor or ratio. blocks: how many a launch had, on average. halves:
    of each launch of the job. of_baseline: those of the baseline if values are ratios; it may have more
    launches, or, if they have one block each, no halves.
    """
    if len(values) < _LEAST_LAUNCHES or len(halves) < _LEAST_LAUNCHES:
        return None
    within = _within(halves) + _within(of_baseline)
    mean = math.fsum(values) / len(values)
    total = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return Spread(within * blocks, max(total - within, _LEAST_BETWEEN * total))


def _within(halves: Sequence[Halves]) -> float:
    """Return the variance of a launch's floor by what varies within it: only by that do its halves differ.

    Each half has half of the blocks, so the difference of the two has four times that variance.
    """
    squares = [math.log(even / odd) ** 2 for even, odd in halves]
    return math.fsum(squares) / len(squares) / 4 if squares else 0.0


def blocks_per_launch(found: Optional[Spread], cost: Cost) -> int:
    """Return how many blocks the next launches are to time: see the formula above."""
    if found is None or cost.block_ns <= 0:
        return FIRST_BLOCKS
    if found.between <= 0:  # launches agree exactly
        return _LEAST_BLOCKS
    best = math.sqrt(found.within / found.between * cost.launch_ns / cost.block_ns)
    return min(_MOST_BLOCKS, max(_LEAST_BLOCKS, round(best)))
