"""Statistics against numpy and figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from delegates import stats


@pytest.mark.parametrize("count", [1, 2, 9, 100])
@pytest.mark.parametrize("percent", [0, 10, 50, 90, 99, 100])
def test_percentile_is_numpys_default(count: int, percent: float) -> None:
    values = np.random.default_rng(count).integers(1, 10_000, count).tolist()
    assert stats.percentile(values, percent) == pytest.approx(np.percentile(values, percent))


def test_a_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        stats.percentile([], 50)


def test_summary_pools_launches_and_counts_in_ms() -> None:
    launches = np.random.default_rng(5).integers(10**6, 10**7, (3, 60)).tolist()
    pooled = np.concatenate(launches) / 1e6
    assert stats.summary_ms([*launches, []]) == pytest.approx(
        {
            "count": 180,
            "launches": 3,
            "min": pooled.min(),
            "median": np.median(pooled),
            "mean": pooled.mean(),
            "stdev": pooled.std(ddof=1),
            "p90": np.percentile(pooled, 90),
            "p99": np.percentile(pooled, 99),
        }
    )


@pytest.mark.parametrize(("count", "p90", "p99"), [(9, False, False), (10, True, False), (100, True, True)])
def test_percentiles_only_where_the_sample_supports_them(count: int, p90: bool, p99: bool) -> None:
    summary = stats.summary_ms([list(range(1, count + 1))])
    assert summary is not None
    assert (summary["p90"] is not None, summary["p99"] is not None) == (p90, p99)


def test_one_sample_has_no_spread_and_none_no_summary() -> None:
    summary = stats.summary_ms([[2_000_000]])
    assert summary is not None
    assert (summary["median"], summary["stdev"]) == (2.0, None)
    assert stats.summary_ms([[], []]) is None


def test_launch_floor_is_the_quietest_blocks_tenth_percentile() -> None:
    quiet, noisy = list(range(100, 111)), [500] * 11
    assert stats.launch_floor([noisy, quiet, []]) == 101
    assert stats.launch_floor([[]]) is None


def test_speedup_by_hand() -> None:
    # Ratios 2 and 8: geometric mean 4; logs differ by ln 4, their deviation is ln 4 / sqrt 2, so the half
    # width is t(1) * ln 4 / 2.
    found = stats.speedup({0: 200.0, 1: 800.0, 2: 5.0}, {0: 100.0, 1: 100.0, 3: 7.0})
    assert found is not None
    half = 12.706205 * math.log(4) / 2
    assert (found.value, found.low, found.high) == pytest.approx((4, 4 / math.exp(half), 4 * math.exp(half)))


def test_speedup_needs_common_launches() -> None:
    assert stats.speedup({0: 2.0}, {1: 1.0}) is None
    assert stats.speedup({0: 2.0, 1: 0.0}, {0: 1.0, 1: 1.0}) == stats.Speedup(2.0, None, None)


def test_speedup_pairs_by_launch_number_not_by_order() -> None:
    found = stats.speedup({0: 100.0, 1: 900.0}, {1: 300.0, 0: 100.0 / 3})
    assert found is not None
    assert found.value == found.low == found.high == pytest.approx(3)


def test_the_interval_covers_the_truth_in_95_of_100_runs() -> None:
    rng = np.random.default_rng(1)

    def covered() -> bool:
        found = stats.speedup(
            {launch: 200 * rng.lognormal(0, 0.05) for launch in range(5)}, dict.fromkeys(range(5), 100.0)
        )
        assert found is not None and found.low is not None and found.high is not None
        return found.low <= 2 <= found.high

    assert sum(covered() for _ in range(4000)) / 4000 == pytest.approx(0.95, abs=0.011)  # 3 deviations


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.7062), (4, 2.7764), (9, 2.2622), (10, 2.2281), (30, 2.0423), (120, 1.9799)],
)
def test_student_quantiles_are_those_of_the_tables(degrees: int, quantile: float) -> None:
    assert stats.student_t_975(degrees) == pytest.approx(quantile, abs=1e-4)
