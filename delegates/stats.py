"""Statistics over raw samples: pure functions over plain numbers, each with its source.

Home uses them for every figure it shows, the device for its stopping rule. docs/statistics.md says why these
were chosen.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

NS_PER_MS = 1_000_000

# Student's t at 0.975, by degrees of freedom 1..4 (NIST/SEMATECH e-Handbook, table 1.3.6.7.2).
_T_975 = (12.706205, 4.302653, 3.182446, 2.776445)
_Z_975 = 1.959964  # the normal distribution's quantile
_EXACT = 200  # values, up to which the exact distribution of signed ranks is used
_SAYS_NOTHING = math.log(100)  # an interval of logarithms with more than this half-width counts as none


Floors = Mapping[int, float]  # of launches, by their number


class Interval(NamedTuple):
    """An estimate with its 95 % interval; the bounds are None if there are too few values for one."""

    value: float
    low: Optional[float]
    high: Optional[float]


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the `percent`-th percentile, linear between neighbours. Raises ValueError without values.

    Source: R-7 in Hyndman & Fan, "Sample Quantiles in Statistical Packages" (1996), the default of numpy, R.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("a percentile of no values")
    place = (len(ordered) - 1) * percent / 100
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def median(values: Iterable[float]) -> Optional[float]:
    """Return the median; None if there are no values."""
    known = list(values)
    return percentile(known, 50) if known else None


def stdev(values: Sequence[float]) -> Optional[float]:
    """Sample standard deviation (n - 1); None with fewer than two values."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def summary_ms(launches: Sequence[Sequence[float]]) -> Optional[Dict[str, Any]]:
    """Summarize all samples of a cell (ns, one sequence per launch) in ms; None without samples.

    A percentile is None unless at least one sample is expected beyond it: p90 needs 10 samples, p99 100.
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


def block_floor(block: Sequence[float]) -> float:
    """Return the mean of a block's inferences between its 10th and 30th percentile, at least one.

    Disturbances only add time, so the faster inferences say what the model takes. The very fastest are left
    out, because a few per cent of a short model's can be a sixth too fast (seen on a virtual machine). It is
    a mean, because the steps of a clock show in the percentiles of a short inference (10 ns of 3 us are
    0.3 %). Raises ValueError without samples.
    """
    if not block:
        raise ValueError("the floor of no samples")
    first, last = floor_range(len(block))
    return math.fsum(sorted(block)[first:last]) / (last - first)


def floor_range(count: int) -> Tuple[int, int]:
    """Return the range of positions, among `count` sorted inferences of a block, that make its floor."""
    first = count // 10
    return first, max(first + 1, -(-3 * count // 10))


def launch_floor(blocks: Iterable[Sequence[float]]) -> Optional[float]:
    """Return the floor of a launch: the lower tercile of its blocks' floors; None without samples.

    A third of the blocks are quieter, so half of them may be disturbed. Of the figures tried, this one varied
    least when a model was compared with itself (docs/statistics.md). Unit: that of the samples.
    """
    return tercile([block_floor(block) for block in blocks if block])


def tercile(floors: Sequence[float]) -> Optional[float]:
    """Return the lower tercile, which a third of all such values lie below; None without any.

    Cells that are compared may have different numbers of blocks. So that this alone makes no difference, it
    is the quantile that is nearly unbiased whatever the number: R-8 in Hyndman & Fan (1996).
    """
    if not floors:
        return None
    ordered, place = sorted(floors), max(0.0, len(floors) / 3 - 5 / 9)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def log_ratios(baseline: Mapping[int, float], candidate: Mapping[int, float]) -> List[float]:
    """Return log(baseline / candidate) for each launch that both have. Floors are by launch number."""
    return [
        math.log(baseline[launch] / floor)
        for launch, floor in candidate.items()
        if floor > 0 and baseline.get(launch, 0) > 0
    ]


def locate(values: Sequence[float]) -> Optional[Interval]:
    """Return the centre of values (one per launch) and its 95 % interval; None without values.

    With six or more values: the Hodges-Lehmann estimate (median of all pairwise means) and the interval of
    Wilcoxon's signed-rank test (Hollander, Wolfe & Chicken, "Nonparametric Statistical Methods", 3.2, 3.3),
    which a single bad launch does not move far. That can't reach 95 % with fewer values, so these get the
    mean and Student's interval.
    """
    if not values:
        return None
    if len(values) < 6:
        return _student(values)
    walsh = sorted((a + b) / 2 for i, a in enumerate(values) for b in values[i:])
    cut = signed_rank_cut(len(values))
    return Interval(percentile(walsh, 50), walsh[cut - 1], walsh[-cut])


def speedup(
    baseline: Mapping[int, float], candidate: Mapping[int, float], clock_error: float = 0.0
) -> Optional[Interval]:
    """Return how many times faster the candidate is, from the floors (launch number -> ns) of two cells.

    None if they have no launch in common. Ratios are averaged as logarithms, one per launch. The interval is
    widened at both ends by `clock_error`, a part of the value, because repetition does not reduce that.
    """
    found = locate(log_ratios(baseline, candidate))
    if found is None:
        return None
    return from_logs(found, clock_error)


def clock_error_ns(step_ns: float, jitter_ns: float) -> float:
    """Return how far the steps of the clock can move a floor.

    step_ns: the clock's step. jitter_ns: how far a block's median lies above its 10th percentile.

    Where inferences vary by less than two steps, it is one step. Where they vary more, rounding is like
    independent noise (Widrow & Kollar, "Quantization Noise", 2008, chapter 4): the difference of two readings
    has step^2 / 6 more variance, which moves a normal distribution's 20th percentile, 0.84 standard
    deviations s below its mean, by 0.84 step^2 / (12 s). With s = jitter / 1.28 this is 0.09 step^2 / jitter;
    nearly three times as much is returned, to be safe.
    """
    if jitter_ns < 2 * step_ns:
        return step_ns
    return step_ns**2 / (4 * jitter_ns) if jitter_ns else 0.0


def comparable(baseline: Tuple[Floors, Floors], candidate: Tuple[Floors, Floors]) -> Tuple[Floors, Floors]:
    """Of floors by (wall time, CPU time) of two cells, those of both that `speedup` is to compare.

    This is the one choice: the stopping rule on the device and the speedup at home both use it.
    """
    kind = 1 if by_cpu_time(baseline, candidate) else 0
    return baseline[kind], candidate[kind]


def by_cpu_time(baseline: Tuple[Floors, Floors], candidate: Tuple[Floors, Floors]) -> bool:
    """Return whether two cells are compared by CPU time: if both measured it in every launch that they share.

    Launches repeat each other, so they are all measured in one way.
    """
    shared = set(baseline[0]) & set(candidate[0])
    return shared <= (set(baseline[1]) & set(candidate[1]))


def is_narrow(interval: Optional[Interval], precision: float) -> bool:
    """Return whether the half-width of a ratio's interval is at most `precision` (0.01 is 1 %) of its value.

    The half-width is taken on the logarithmic scale, on which the bounds are symmetric. False without an
    interval. Both the stopping rule on the device and the `wide-interval` warning use this test.
    """
    if interval is None or interval.low is None or interval.high is None or interval.low <= 0:
        return False
    return math.log(interval.high / interval.low) / 2 <= precision


def typical_floor(floors: Iterable[float]) -> Optional[Interval]:
    """Return a cell's floor and its interval, from the floors of its launches; None if all are zero."""
    found = locate([math.log(floor) for floor in floors if floor > 0])
    return None if found is None else from_logs(found)


@functools.lru_cache(maxsize=None)
def signed_rank_cut(count: int) -> int:
    """Return the position, from either end, of the pairwise mean that bounds the interval of `count` values.

    Up to 200 values it follows from the exact distribution of the signed-rank statistic, in which each rank
    is part of the sum with probability 1/2; beyond, from the normal approximation (Hollander et al., 3.1).
    """
    if count > _EXACT:
        spread = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
        return int(count * (count + 1) / 4 - _Z_975 * spread)
    width = count // 8 + 1  # bytes for the number of ways to a sum; those to all sums stand in one integer
    ways = 1
    for rank in range(1, count + 1):
        ways += ways << (8 * width * rank)
    packed = ways.to_bytes(width * (count * (count + 1) // 2 + 1), "little")
    limit, total, cut = 2**count // 40, 0, 0  # 2.5 % at either end
    while True:
        total += int.from_bytes(packed[width * cut : width * (cut + 1)], "little")
        if total > limit:
            return max(cut, 1)
        cut += 1


def outlier_share(samples: Sequence[float]) -> float:
    """Return the share of samples beyond Tukey's outer fence, Q3 + 3 (Q3 - Q1), and above 1.5 medians.

    The second condition matters if nearly all samples are equal: then the fence is close to the median.
    """
    if not samples:
        return 0.0
    ordered = sorted(samples)
    q1, q2, q3 = (percentile(ordered, percent) for percent in (25, 50, 75))
    fence = max(q3 + 3 * (q3 - q1), 1.5 * q2)
    return sum(1 for sample in ordered if sample > fence) / len(ordered)


def from_logs(found: Interval, widening: float = 0.0) -> Interval:
    """Convert an interval of logarithms to one of ratios, wider by `widening` (relative) at both ends.

    The bounds are dropped if they span more than a factor of 100 around the middle.
    """
    value = math.exp(found.value)
    if found.low is None or found.high is None:
        return Interval(value, None, None)
    if (found.high - found.low) / 2 + widening > _SAYS_NOTHING:
        return Interval(value, None, None)
    return Interval(value, math.exp(found.low - widening), math.exp(found.high + widening))


def _student(values: Sequence[float]) -> Interval:
    """Return the mean and Student's 95 % interval of one to five values."""
    mean, spread = math.fsum(values) / len(values), stdev(values)
    if spread is None:
        return Interval(mean, None, None)
    half = _T_975[len(values) - 2] * spread / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)
