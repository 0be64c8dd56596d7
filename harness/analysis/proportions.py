"""Intervals of shares, and of the difference of two shares (docs/statistics.md, "Accuracy")."""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.record import Interval

_Z = 1.959964  # the normal distribution's quantile at 0.975
_HALVINGS = 60  # of an interval of width 2: far below a double's resolution


def share(right: int, count: int) -> Interval:
    """Return a share with Wilson's score interval. Raises ZeroDivisionError without samples.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).
    """
    value, square = right / count, _Z**2
    middle = (right + square / 2) / (count + square)
    half = _Z / (count + square) * math.sqrt(right * (1 - value) + square / 4)
    # At the ends the bound is exact, whatever rounding makes of it.
    low = 0.0 if right == 0 else middle - half
    return Interval(value, low, 1.0 if right == count else middle + half)


def paired_difference(first_only: int, second_only: int, count: int) -> Interval:
    """Return share(first) - share(second) of the same samples, with Tango's score interval.

    first_only, second_only: samples in which only the first, only the second is right. The others say nothing
    about the difference.
    Source: Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17 (1998), equation 21.
    """
    value = (first_only - second_only) / count

    def score(difference: float) -> float:
        """Return how many standard errors the samples are from this difference: it falls with it."""
        linear = (2 * count - first_only + second_only) * difference - first_only - second_only
        product = second_only * difference * (1 - difference)
        q = (math.sqrt(max(0.0, linear**2 + 8 * count * product)) - linear) / (4 * count)
        variance = count * (2 * q + difference * (1 - difference))
        distance = first_only - second_only - count * difference
        return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)

    low = _root(lambda d: score(d) - _Z, -1.0, value) if first_only - second_only > -count else -1.0
    high = _root(lambda d: score(d) + _Z, value, 1.0) if first_only - second_only < count else 1.0
    return Interval(value, low, high)


def difference(first: int, of_first: int, second: int, of_second: int) -> Interval:
    """Return share(first) - share(second) of independent samples, with Newcombe's hybrid score interval.

    Source: Newcombe, "Interval estimation for the difference between independent proportions", Statistics in
    Medicine 17 (1998), method 10.
    """
    one, other = share(first, of_first), share(second, of_second)
    value = one.value - other.value
    low = value - math.hypot(one.value - (one.low or 0.0), (other.high or 0.0) - other.value)
    high = value + math.hypot((one.high or 0.0) - one.value, other.value - (other.low or 0.0))
    return Interval(value, low, high)


def _root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function crosses zero between two points."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2
