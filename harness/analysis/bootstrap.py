"""Intervals of means by the bootstrap, seeded: the same samples give the same interval."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from harness.record import Interval

Array = npt.NDArray[np.float64]

_SEED = 0
_RESAMPLES = 2000
_MOST = 1000  # samples that are resampled; the mean of more is as good as normally distributed
_NORMAL = NormalDist()


def mean(values: Array) -> Interval:
    """Return the mean with its BCa bootstrap interval; without bounds for fewer than two values.

    Values of a pair's difference give the paired interval. Above 1000 values: the normal distribution's.
    Source: Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), section 14.3.
    """
    value, count = float(values.mean()), len(values)
    if count < 2:
        return Interval(value, None, None)
    spread = float(values.std(ddof=1))
    if not spread > 0:
        return Interval(value, value, value)
    if count > _MOST:
        half = _NORMAL.inv_cdf(0.975) * spread / math.sqrt(count)
        return Interval(value, value - half, value + half)
    means = np.sort(_resampled(values))
    low, high = (np.quantile(means, _place(end, means, values)) for end in (0.025, 0.975))
    return Interval(value, float(low), float(high))


def _resampled(values: Array) -> Array:
    """Return the means of resamples."""
    random, count = np.random.default_rng(_SEED), len(values)
    rows = max(1, 1_000_000 // count)
    parts = [
        values[random.integers(0, count, (min(rows, _RESAMPLES - at), count))].mean(axis=1)
        for at in range(0, _RESAMPLES, rows)
    ]
    return np.concatenate(parts)


def _place(end: float, means: Array, values: Array) -> float:
    """Return the quantile of the means that bounds the interval: corrected for bias and for skewness."""
    below = float(np.mean(means < values.mean())) + float(np.mean(means == values.mean())) / 2
    bias = _NORMAL.inv_cdf(min(max(below, 1 / _RESAMPLES), 1 - 1 / _RESAMPLES))
    off = values.mean() - values
    acceleration = -float(np.sum(off**3)) / (6 * float(np.sum(off**2)) ** 1.5)
    shifted = bias + _NORMAL.inv_cdf(end)
    return _NORMAL.cdf(bias + shifted / (1 - acceleration * shifted))
