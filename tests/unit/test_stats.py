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


def test_the_floor_of_a_block_leaves_out_its_fastest_tenth_and_all_that_is_slow() -> None:
    fast, usual, slow = [60] * 3, [100, 101, 102, 103, 104, 105], [500] * 21
    assert stats.block_floor(fast + usual + slow) == pytest.approx(102.5)


@pytest.mark.parametrize(("block", "floor"), [([7], 7), ([9, 7], 7), ([9, 8, 7, 5], 6), ([*range(10)], 1.5)])
def test_the_floor_of_a_short_block_is_that_of_its_faster_inferences(block: list[int], floor: float) -> None:
    assert stats.block_floor(block) == floor


def test_no_samples_have_no_floor() -> None:
    assert stats.launch_floor([[]]) is None and stats.launch_floor([]) is None
    with pytest.raises(ValueError, match="no samples"):
        stats.block_floor([])


def test_the_floor_of_a_launch_is_no_extreme_of_its_blocks() -> None:
    """Neither one block that was oddly fast nor the half that were disturbed are what is compared."""
    usual, disturbed = [[100] * 30] * 2, [[500 + 10 * i] * 30 for i in range(4)]
    assert stats.launch_floor([[80] * 30, *usual, *disturbed]) == 100
    assert 100 <= stats.launch_floor([[130] * 30, [100] * 30]) < 105


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_how_many_blocks_there_are_hardly_moves_the_floor_of_a_launch(draw: str) -> None:
    """Cells that are compared may differ in that: rounded down, it moves by 0.35 deviations."""
    rng = np.random.default_rng(0)
    means = [
        np.mean([stats.tercile(floors) for floors in getattr(rng, draw)(size=(8000, blocks)).tolist()])
        for blocks in (4, 6, 7, 9, 10, 60)
    ]
    assert max(means) - min(means) < 0.12


@pytest.mark.parametrize("deviation", [0, 3, 15, 20, 40])
def test_the_steps_of_a_clock_move_no_floor_by_more_than_is_allowed_for(deviation: int) -> None:
    """Two readings of a clock with steps of 10 ns, of durations that differ by parts of a step."""
    rng, step = np.random.default_rng(0), 10
    errors, allowed = [], []
    for duration in range(2200, 2210):
        true = rng.normal(duration, deviation, 400_000)
        start = rng.uniform(0, step, true.size)
        read = np.floor((start + true) / step) * step
        low, middle = np.percentile(read, (10, 50))
        errors.append(stats.block_floor(read.tolist()) - stats.block_floor(true.tolist()))
        allowed.append(stats.clock_error_ns(step, middle - low))
    assert max(errors) - min(errors) <= 2 * max(allowed)
    assert max(map(abs, errors)) <= max(allowed)
    assert max(allowed) <= step


def test_a_clock_without_steps_adds_nothing() -> None:
    assert stats.clock_error_ns(0.0, 0.0) == stats.clock_error_ns(0.0, 50.0) == 0


def test_speedup_of_few_launches_is_students() -> None:
    # Ratios 3.2 and 5: geometric mean 4; logs differ by d = ln(5 / 3.2), their deviation is d / sqrt 2, so
    # the half width is t(1) * d / 2.
    found = stats.speedup({0: 320.0, 1: 500.0, 2: 5.0}, {0: 100.0, 1: 100.0, 3: 7.0})
    assert found is not None
    half = 12.706205 * math.log(5 / 3.2) / 2
    assert found == pytest.approx((4, 4 / math.exp(half), 4 * math.exp(half)))


def test_two_launches_of_which_one_was_disturbed_bound_nothing() -> None:
    """Seen: one inference of 77 ms in a launch, 9 µs in the other, and a table column of 27 digits."""
    found = stats.speedup({0: 16_400.0, 1: 16_400.0}, {0: 8_593.0, 1: 76_647_250.0})
    assert found == (pytest.approx(0.02, rel=0.05), None, None)
    same = dict.fromkeys(range(8), 10.0)
    assert stats.speedup(same, same, clock_error=6.0) == (1.0, None, None)


def test_speedup_needs_common_launches() -> None:
    assert stats.speedup({0: 2.0}, {1: 1.0}) is None
    assert stats.speedup({0: 2.0, 1: 0.0}, {0: 1.0, 1: 1.0}) == (2.0, None, None)


def test_speedup_pairs_by_launch_number_not_by_order() -> None:
    found = stats.speedup({0: 100.0, 1: 900.0}, {1: 300.0, 0: 100.0 / 3})
    assert found == pytest.approx((3, 3, 3))


def test_what_the_clock_cannot_tell_apart_widens_the_interval() -> None:
    floors = dict.fromkeys(range(8), 1000.0)
    assert stats.speedup(floors, floors) == pytest.approx((1, 1, 1))
    assert stats.speedup(floors, floors, clock_error=0.01) == pytest.approx(
        (1, math.exp(-0.01), math.exp(0.01))
    )


def test_one_launch_that_went_wrong_moves_little() -> None:
    baseline = {launch: 1000.0 + launch for launch in range(8)}
    candidate = dict.fromkeys(range(7), 500.0) | {7: 5000.0}
    found = stats.speedup(baseline, candidate)
    assert found is not None
    assert found.value == pytest.approx(2, rel=0.01)


def test_signed_rank_interval_is_that_of_the_tables() -> None:
    # Two-sided 5 %: the critical values of T are 0, 2, 3, 5, 8, 52 for n = 6, 7, 8, 9, 10, 20
    # (Wilcoxon & Wilcox 1964); the interval is bounded by the walsh averages after them.
    cuts = {count: stats.signed_rank_cut(count) for count in (6, 7, 8, 9, 10, 20)}
    assert cuts == {6: 1, 7: 3, 8: 4, 9: 6, 10: 9, 20: 53}


@pytest.mark.parametrize("launches", [4, 6, 10])
def test_the_interval_covers_the_truth_in_95_of_100_runs(launches: int) -> None:
    rng = np.random.default_rng(1)

    def covered() -> bool:
        found = stats.speedup(
            {launch: 200 * rng.lognormal(0, 0.05) for launch in range(launches)},
            dict.fromkeys(range(launches), 100.0),
        )
        assert found is not None and found.low is not None and found.high is not None
        return found.low <= 2 <= found.high

    share = sum(covered() for _ in range(3000)) / 3000
    assert 0.938 < share < 0.98  # signed ranks come in steps: six launches make it 96.9 %


def test_outliers_are_beyond_tukeys_outer_fence() -> None:
    assert stats.outlier_share([*range(100, 200), 10_000, 10_000]) == pytest.approx(2 / 102)
    assert stats.outlier_share([1000] * 90 + [1030] * 10) == 0  # the clock's steps are none
    assert stats.outlier_share([]) == 0


@pytest.mark.parametrize(
    ("low", "high", "precision", "narrow"),
    [
        (0.995, 1.005, 0.01, True),
        (1.98, 2.02, 0.0101, True),  # relative to the value
        (1.98, 2.02, 0.0099, False),
        (1.0, 1.0, 0.0, True),
        (None, 1.0, 0.01, False),
        (1.0, None, 0.01, False),
        (0.0, 1.0, 0.01, False),
    ],
)
def test_narrow_is_half_the_width_against_the_value(low, high, precision, narrow):
    assert stats.is_narrow(stats.Interval(1.0, low, high), precision) is narrow
    assert stats.is_narrow(None, precision) is False


def test_the_typical_floor_is_in_the_middle_and_its_interval_says_nothing_where_it_is_wide():
    found = stats.typical_floor([100, 110, 121, 100, 110, 121, 0])
    assert found.value == pytest.approx(110)
    assert (found.low, found.high) == (pytest.approx(100), pytest.approx(121))
    assert stats.typical_floor([1, 1e9]) == stats.Interval(pytest.approx(31622.8, rel=1e-3), None, None)
    assert stats.typical_floor([0, 0]) is None
