"""Intervals of shares and of their differences: against known values, against brute force, by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.analysis import bootstrap, proportions

Z = 1.959964


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_in_newcombes_table(right, count, low, high):
    """Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3."""
    found = proportions.share(right, count)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [((56, 70, 48, 80), 0.0524, 0.3339), ((9, 10, 3, 10), 0.1705, 0.8090), ((10, 10, 0, 20), 0.6791, 1.0)],
)
def test_independent_difference_as_in_newcombes_table(counts, low, high):
    """Newcombe, "Interval estimation for the difference…" (1998), table II, method 10."""
    found = proportions.difference(*counts)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def brute_force_score(first: int, second: int, count: int, difference: float) -> float:
    """The score statistic, its nuisance parameter found by trying all values."""
    least, most = max(0.0, -difference), (1 - difference) / 2
    only_second = np.linspace(least, most, 200_001)[1:-1]
    both = 1 - 2 * only_second - difference
    only_first = only_second + difference
    with np.errstate(divide="ignore", invalid="ignore"):
        fit = (count - first - second) * np.log(both)
        fit = (
            fit
            + (first * np.log(only_first) if first else 0)
            + (second * np.log(only_second) if second else 0)
        )
    best = only_second[int(np.nanargmax(fit))]
    return (first - second - count * difference) / math.sqrt(
        count * (2 * best + difference * (1 - difference))
    )


@pytest.mark.parametrize(
    ("first", "second", "count"), [(12, 2, 50), (1, 7, 360), (0, 5, 100), (40, 31, 1000)]
)
def test_the_bounds_of_a_paired_difference_are_where_the_score_test_rejects(first, second, count):
    found = proportions.paired_difference(first, second, count)
    assert found.value == (first - second) / count
    assert brute_force_score(first, second, count, found.low) == pytest.approx(Z, abs=2e-3)
    assert brute_force_score(first, second, count, found.high) == pytest.approx(-Z, abs=2e-3)
    mirrored = proportions.paired_difference(second, first, count)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


@pytest.mark.parametrize("count", [1, 30, 360])
def test_no_sample_that_differs(count):
    found = proportions.paired_difference(0, 0, count)
    assert found.value == 0
    assert found.high == pytest.approx(Z**2 / (count + Z**2)) and found.low == pytest.approx(-found.high)


def test_all_samples_differ():
    found = proportions.paired_difference(20, 0, 20)
    assert found.high == 1 and 0.6 < found.low < 1


@pytest.mark.parametrize(("lost", "won"), [(0.003, 0.0), (0.01, 0.005), (0.05, 0.02), (0.2, 0.05)])
@pytest.mark.parametrize("count", [100, 360, 1000])
def test_coverage_of_the_paired_difference(lost, won, count):
    """All outcomes with their probabilities: nothing is left to chance."""
    firsts, seconds = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
    log = [0.0, *np.cumsum(np.log(np.arange(1, count + 1)))]
    log = np.array(log)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = count - firsts - seconds
        power = firsts * np.log(lost) + (seconds * np.log(won) if won else np.where(seconds, -np.inf, 0))
        chance = np.exp(
            log[count]
            - log[firsts]
            - log[seconds]
            - log[np.maximum(rest, 0)]
            + power
            + rest * np.log1p(-lost - won)
        )
    chance = np.where(rest >= 0, chance, 0)
    likely = np.argwhere(chance > 1e-7)
    covered = sum(
        chance[first, second]
        for first, second in likely
        if (found := proportions.paired_difference(int(first), int(second), count)).low
        <= lost - won
        <= found.high
    )
    assert covered > 0.93


def test_two_hundred_draws_cover_the_true_drop_as_often_as_they_say():
    """Float32 is right in 90 %, the other loses 4 % and wins 1.5 % of all samples: the drop is 2.5 points."""
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        kind = random.random(500)
        lost, won = int(np.sum(kind < 0.04)), int(np.sum(kind > 0.985))
        found = proportions.paired_difference(lost, won, 500)
        hits += found.low <= 0.025 <= found.high
    assert 183 <= hits <= 198  # 190 are expected; outside with a probability of 1 %


def test_the_bootstrap_covers_a_skewed_mean():
    """Squared errors are skewed; the mean of these is 1."""
    random = np.random.default_rng(2)
    found = [bootstrap.mean(random.normal(size=100) ** 2) for _ in range(200)]
    hits = sum(one.low <= 1 <= one.high for one in found)
    assert 178 <= hits <= 198


def test_the_bootstrap_is_the_same_each_time_and_knows_its_ends():
    values = np.random.default_rng(3).normal(5, 1, 6000)
    assert bootstrap.mean(values[:500]) == bootstrap.mean(values[:500])
    many = bootstrap.mean(values)
    assert many.high - many.low == pytest.approx(2 * Z / math.sqrt(6000), rel=0.03)
    assert bootstrap.mean(np.array([2.0])).low is None
    same = bootstrap.mean(np.full(10, 2.0))
    assert (same.value, same.low, same.high) == (2.0, 2.0, 2.0)
