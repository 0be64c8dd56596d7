"""The statistics of two runs that nothing pairs: against enumeration, tables and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from harness.analysis.shift import combined, from_logs, rank_sum_cut, ratio, shift
from harness.record import Interval


def figures(found: Interval | None) -> tuple[float | None, ...]:
    assert found is not None
    return found.value, found.low, found.high


@pytest.mark.parametrize(
    ("first", "second"), [(1, 1), (2, 8), (3, 3), (3, 5), (4, 4), (5, 4), (6, 3), (6, 6)]
)
def test_the_cut_is_that_of_all_rankings(first: int, second: int) -> None:
    """The statistic of every way to rank two samples; at most 2.5 % of them lie below the cut."""
    ranks = range(first + second)
    sums = [sum(chosen) - first * (first - 1) // 2 for chosen in itertools.combinations(ranks, first)]
    below = [sum(one < cut for one in sums) / len(sums) for cut in range(first * second + 1)]
    assert rank_sum_cut(first, second) == max(cut for cut, share in enumerate(below) if share <= 0.025)


def test_the_cut_is_that_of_the_tables() -> None:
    # Two-sided 5 %: critical values of U are 0, 2, 13, 23, 127 for 4, 5, 8, 10, 20 values each (Mann &
    # Whitney 1947; Milton 1964); the interval is bounded by the differences after them.
    assert [rank_sum_cut(count, count) for count in (4, 5, 8, 10, 20)] == [1, 3, 14, 24, 128]


def test_the_approximation_continues_the_exact_distribution() -> None:
    exact, approximate = rank_sum_cut(50, 50), rank_sum_cut(51, 51)
    assert 0 < approximate - exact < 60
    assert rank_sum_cut(500, 500) == int(125_000 - 1.959964 * math.sqrt(250_000 * 1001 / 12))


def test_the_estimate_is_the_median_of_all_differences() -> None:
    base, head = [0.0, 1.0, 2.0, 3.0], [10.0, 11.0, 12.0, 13.5]
    found = shift(base, head)
    differences = sorted(there - here for here in base for there in head)
    assert found == Interval(float(np.median(differences)), differences[0], differences[-1])


def test_one_launch_that_went_wrong_moves_little() -> None:
    quiet = [0.01 * number for number in range(8)]
    found = shift(quiet, [*quiet[:-1], 5.0])
    assert found is not None and found.high is not None
    assert abs(found.value) < 0.02 and found.high < 0.06


def test_few_launches_get_welchs_interval() -> None:
    # Means 1 and 4, variances 2 and 8, two values each: the variance of the difference is 1 + 4, with
    # 25 / (1 + 16) degrees of freedom, rounded down to 1: 12.706.
    found = shift([0.0, 2.0], [2.0, 6.0])
    half = 12.706205 * math.sqrt(5)
    assert figures(found) == pytest.approx((3, 3 - half, 3 + half))


def test_too_few_launches_have_no_interval() -> None:
    assert shift([1.0], [3.0, 5.0]) == Interval(3.0, None, None)
    assert shift([], [1.0]) is None
    assert shift([1.0, 1.0], [2.0, 2.0]) == Interval(1.0, 1.0, 1.0)


@pytest.mark.parametrize("counts", [(2, 2), (3, 3), (3, 4), (4, 4), (6, 10), (10, 10), (20, 12)])
@pytest.mark.parametrize("noise", ["normal", "disturbed"])
def test_the_interval_covers_the_truth_in_95_of_100_runs(counts: tuple[int, int], noise: str) -> None:
    """Disturbed: one launch in ten is up to 30 % slower, in either run."""
    rng = np.random.default_rng(4)

    def logs(count: int) -> list[float]:
        values = rng.normal(0, 0.01, count)
        if noise == "disturbed":
            values += (rng.random(count) < 0.1) * rng.uniform(0, 0.3, count)
        return values.tolist()

    def covered() -> bool:
        found = ratio(logs(counts[0]), [one + math.log(1.08) for one in logs(counts[1])])
        return found is not None and (found.low is None or found.low <= 1.08 <= (found.high or 0))

    assert sum(covered() for _ in range(1500)) / 1500 > (0.935 if noise == "normal" else 0.93)


def test_a_slow_down_is_seen_in_nearly_all_runs() -> None:
    rng = np.random.default_rng(5)
    found = [
        ratio(rng.normal(0, 0.01, 10).tolist(), rng.normal(-0.03, 0.01, 10).tolist()) for _ in range(300)
    ]
    assert sum(one is not None and one.high is not None and one.high < 1 for one in found) >= 297


def test_what_the_clock_cannot_tell_apart_widens_the_interval() -> None:
    same = [0.0] * 6
    assert figures(ratio(same, same, 0.01)) == pytest.approx((1.0, math.exp(-0.01), math.exp(0.01)))


def test_an_interval_that_says_nothing_is_none() -> None:
    assert from_logs(Interval(0.0, -5.0, 5.0)) == Interval(1.0, None, None)


def test_two_intervals_are_combined_as_independent_ones() -> None:
    def around(value: float, half: float) -> Interval:
        return Interval(value, value / math.exp(half), value * math.exp(half))

    found = combined(around(2.0, 0.03), around(3.0, 0.04))
    assert figures(found) == pytest.approx(figures(around(1.5, 0.05)))
    assert combined(Interval(2.0, None, None), around(3.0, 0.04)) == Interval(1.5, None, None)
    assert combined(Interval(2.0, 0.0, 3.0), around(3.0, 0.04)).low is None
