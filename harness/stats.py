"""Statistics over raw samples: pure functions over plain numbers, each with its source."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NS_PER_MS = 1_000_000

# Student's t at 0.975, by degrees of freedom 1..9 (NIST/SEMATECH e-Handbook, table 1.3.6.7.2).
_T_975 = (12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157)
_Z_975 = 1.959963984540054


@dataclass(frozen=True)
class Speedup:
    """How many times faster than the baseline (> 1 is faster), with a 95 % interval or None."""

    value: float
    low: float | None
    high: float | None


def percentile(values: Iterable[float], percent: float) -> float:
    """The `percent`-th percentile, linear between neighbours: R-7 in Hyndman & Fan, "Sample Quantiles in
    Statistical Packages" (1996), the default of numpy and R. Raises ValueError on no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("a percentile of no values")
    place = (len(ordered) - 1) * percent / 100
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def stdev(values: Sequence[float]) -> float | None:
    """Sample standard deviation (n - 1); None with fewer than two values."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def summary_ms(launches: Sequence[Sequence[float]]) -> dict[str, Any] | None:
    """All samples of a cell (ns, one sequence per launch) pooled, in ms; None without any sample.

    A percentile is given only where at least one sample is expected beyond it: p90 from 10 samples
    on, p99 from 100 on, else None.
    """
    samples = sorted(sample / NS_PER_MS for launch in launches for sample in launch)
    if not samples:
        return None
    return {
        "count": len(samples),
        "launches": sum(1 for launch in launches if launch),
        "min": samples[0],
        "median": percentile(samples, 50),
        "mean": math.fsum(samples) / len(samples),
        "stdev": stdev(samples),
        "p90": percentile(samples, 90) if len(samples) >= 10 else None,
        "p99": percentile(samples, 99) if len(samples) >= 100 else None,
    }


def median(values: Iterable[float]) -> float | None:
    """The median, or None of no values."""
    known = list(values)
    return percentile(known, 50) if known else None


def launch_floor(blocks: Iterable[Sequence[float]]) -> float | None:
    """The smallest block 10th percentile of one launch, in the samples' unit; None without samples.

    Disturbance only ever adds time, so a low percentile of the quietest block is what two variants
    can be compared by. Of the figures tried, this one moved least when a model was compared with itself
    beside a busy neighbour (see benchmarks/).
    """
    return min((percentile(block, 10) for block in blocks if block), default=None)


def speedup(baseline: Mapping[int, float], candidate: Mapping[int, float]) -> Speedup | None:
    """Floors (launch number -> ns) of two cells that took turns -> how much faster the candidate is.

    The ratios of common launches are averaged as logarithms (geometric mean); the interval is Student's
    on those logarithms, because a launch is what was repeated, not an inference. It is None with one
    common launch; without any, so is the result.
    """
    logs = [
        math.log(baseline[launch] / floor)
        for launch, floor in candidate.items()
        if floor > 0 and baseline.get(launch, 0) > 0
    ]
    if not logs:
        return None
    mean = math.fsum(logs) / len(logs)
    spread = stdev(logs)
    if spread is None:
        return Speedup(math.exp(mean), None, None)
    half = student_t_975(len(logs) - 1) * spread / math.sqrt(len(logs))
    return Speedup(math.exp(mean), math.exp(mean - half), math.exp(mean + half))


def student_t_975(degrees: int) -> float:
    """Student's t at 0.975, for two-sided 95 % intervals; `degrees` >= 1.

    From 10 degrees on by the expansion of Abramowitz & Stegun 26.7.5, there right to 4e-6.
    """
    if degrees <= len(_T_975):
        return _T_975[degrees - 1]
    z, n = _Z_975, degrees
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * n**4)
    )
