"""By how much the values of one run differ from those of another, where nothing pairs them.

Each value belongs to one launch. Launches of different runs did not take turns, so the intervals are those of
two independent samples. They hold what differs from launch to launch, not what differs from day to day
(docs/statistics.md, "Comparing runs").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from delegates import stats
from harness.record import Interval

# Student's t at 0.975, by degrees of freedom from 1 (NIST/SEMATECH e-Handbook, table 1.3.6.7.2).
_T_975 = (12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624)
_Z_975 = 1.959964  # the normal distribution's quantile
_MOST_EXACT = 2500  # pairs, up to which the exact distribution of the rank sum is used


def ratio(base: Sequence[float], head: Sequence[float], widening: float = 0.0) -> Interval | None:
    """Return exp(head - base) of logarithms, one per launch, with its 95 % interval; None without values.

    widening: relative, at both ends, for what repetition does not improve (the steps of the clock).
    """
    found = shift(base, head)
    return None if found is None else from_logs(found, widening)


def shift(base: Sequence[float], head: Sequence[float]) -> Interval | None:
    """Return how far `head` lies above `base`, with its 95 % interval; None without values.

    The Hodges-Lehmann estimate (the median of all differences) with the interval of the Wilcoxon-Mann-Whitney
    rank-sum test (Hollander, Wolfe & Chicken, "Nonparametric Statistical Methods", 4.2 and 4.3): one bad
    launch does not move it far. Where it can't reach 95 % (fewer than 4 launches each), the difference of the
    means with the interval of Welch's t-test (Biometrika 34, 1947).
    """
    if not base or not head:
        return None
    cut = rank_sum_cut(len(base), len(head))
    if not cut:
        return _welch(base, head)
    differences = sorted(there - here for here in base for there in head)
    return Interval(stats.percentile(differences, 50), differences[cut - 1], differences[-cut])


@cache
def rank_sum_cut(first: int, second: int) -> int:
    """Return the position, from either end, of the difference that bounds the interval; 0 if there is none.

    Up to 2500 pairs it follows from the exact distribution of the Mann-Whitney statistic, beyond from its
    normal approximation (Hollander et al., 4.1 and 4.3).
    """
    pairs = first * second
    if pairs > _MOST_EXACT:
        return int(pairs / 2 - _Z_975 * math.sqrt(pairs * (first + second + 1) / 12))
    limit, total = math.comb(first + second, first) // 40, 0  # 2.5 % at either end
    for cut, ways in enumerate(_ways(first, second)):
        total += ways
        if total > limit:
            return cut
    return 0


def combined(base: Interval, head: Interval) -> Interval:
    """Return head / base of two ratios that are independent, from their intervals alone.

    The half-widths are added as those of normal distributions of logarithms are.
    """
    value = math.log(head.value / base.value)
    halves = [_half_width(one) for one in (base, head)]
    if None in halves:
        return Interval(math.exp(value), None, None)
    half = math.hypot(*(one or 0.0 for one in halves))
    return from_logs(Interval(value, value - half, value + half))


def from_logs(found: Interval, widening: float = 0.0) -> Interval:
    """Convert an interval of logarithms to one of ratios, as stats.from_logs does."""
    return Interval(*stats.from_logs(stats.Interval(found.value, found.low, found.high), widening))


def _ways(first: int, second: int) -> list[int]:
    """Return in how many ways of ranking the statistic is 0, 1, 2, …: a Gaussian binomial's coefficients."""
    ways = [1] + [0] * (first * second)
    for part in range(1, first + 1):
        for total in range(len(ways) - 1, second + part - 1, -1):
            ways[total] -= ways[total - second - part]
        for total in range(part, len(ways)):
            ways[total] += ways[total - part]
    return ways


def _welch(base: Sequence[float], head: Sequence[float]) -> Interval:
    """Return the difference of the means and Welch's interval, with the degrees of freedom rounded down."""
    value = math.fsum(head) / len(head) - math.fsum(base) / len(base)
    spreads = [stats.stdev(values) for values in (base, head)]
    if spreads[0] is None or spreads[1] is None:
        return Interval(value, None, None)
    first, second = spreads[0] ** 2 / len(base), spreads[1] ** 2 / len(head)
    if not first + second:
        return Interval(value, value, value)
    freedom = (first + second) ** 2 / (first**2 / (len(base) - 1) + second**2 / (len(head) - 1))
    half = _T_975[min(int(freedom + 1e-9), len(_T_975)) - 1] * math.sqrt(first + second)
    return Interval(value, value - half, value + half)


def _half_width(ratio: Interval) -> float | None:
    if ratio.low is None or ratio.high is None or ratio.low <= 0:
        return None
    return math.log(ratio.high / ratio.low) / 2
