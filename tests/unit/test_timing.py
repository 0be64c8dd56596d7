"""Latency and floors by numpy are those of delegates.stats, whatever the samples."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from delegates import stats
from harness.analysis import timing
from harness.analysis.speedup import compare
from harness.record import BaselineName
from tests.unit.run_builder import measurement

RNG = np.random.default_rng(11)


def samples(blocks):
    """A launch's blocks of 1 to 700 inferences around 40 us, with a long tail, some of them equal."""
    sizes = RNG.integers(1, 700, blocks)
    return [(40_000 + RNG.exponential(3000, size)).astype(int).tolist() for size in sizes]


def launches(count):
    return [measurement("job", number, blocks=samples(RNG.integers(1, 9))) for number in range(count)]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_latency_is_that_of_stats(count):
    made = launches(count)
    expected = stats.summary_ms([[ns for block in one.blocks_ns for ns in block] for one in made])
    found = timing.of(made).latency
    exact = ("count", "launches", "min", "median", "p90", "p99")
    assert {key: getattr(found, key) for key in exact} == {key: expected[key] for key in exact}
    assert (found.mean, found.stdev) == pytest.approx((expected["mean"], expected["stdev"]), rel=1e-12)


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11, 99, 100, 101])
def test_percentiles_of_few_samples_are_those_of_stats(count):
    values = RNG.integers(1, 10**9, count).tolist()
    found, expected = timing.of([measurement("job", blocks=[values])]).latency, stats.summary_ms([values])
    assert [getattr(found, key) for key in ("min", "median", "p90", "p99")] == [
        expected[key] for key in ("min", "median", "p90", "p99")
    ]
    assert found.stdev == (None if count == 1 else pytest.approx(expected["stdev"], rel=1e-12))


def test_floors_are_those_of_stats():
    for one in launches(20):
        assert timing.launch_floor(one.blocks_ns) == stats.launch_floor(one.blocks_ns)
    assert timing.launch_floor([[], [3, 1, 2]]) == 1
    assert timing.launch_floor([[]]) is None and timing.launch_floor([]) is None


@pytest.mark.parametrize(
    ("values", "centres"),
    [
        ([], None),
        ([5.0] * 100, None),
        ([0, *range(1, 19)], None),  # too few
        (RNG.normal(1000, 30, 4000), None),
        ([*RNG.normal(1000, 5, 300), *RNG.normal(1300, 5, 200)], [1000, 1300]),
        ([*RNG.normal(1000, 5, 300), *RNG.normal(1080, 5, 200)], None),  # too close
        ([*RNG.normal(1000, 5, 300), *[9000.0] * 20], None),  # outliers are no mode
        ([0, 0, *RNG.normal(1000, 5, 30), *RNG.normal(2000, 5, 30)], [1000, 2000]),
    ],
)
def test_two_modes_are_found_where_there_are_two(values, centres):
    assert timing.two_modes(values) == (None if centres is None else pytest.approx(centres, rel=0.01))


def of(*launches):
    """The times of a cell, by wall clock and CPU time in ns of each launch."""
    made = [measurement("job", number, blocks=[[wall] * 9]) for number, (wall, _) in enumerate(launches)]
    own = [[[cpu_time] * 9] if cpu_time else [] for _, cpu_time in launches]
    return timing.of([dataclasses.replace(one, cpu_time_ns=ns) for one, ns in zip(made, own, strict=True)])


@pytest.mark.parametrize(
    ("baseline", "cell", "by_cpu_time"),
    [
        (of((80, 40), (80, 40)), of((40, 10), (40, 10)), True),
        (of((80, 40), (80, None)), of((40, 10), (40, 10)), False),
        (of((80, 40), (80, 40)), of((40, 10), (40, None)), False),
        (of((80, 40), (80, None)), of((40, 10)), True),  # of the launches that they share
    ],
)
def test_cells_are_compared_by_cpu_time_if_both_measured_it_in_every_launch(baseline, cell, by_cpu_time):
    """Never by CPU time of one and wall time of the other: measuring CPU time takes time itself."""
    found = compare(baseline, cell, BaselineName("float32", "cpu", "cpu", 1), 0.01).speedup
    assert found.value == pytest.approx(4 if by_cpu_time else 2)


def test_samples_may_be_arrays():
    """As a store reads them, without making Python numbers of millions of samples."""
    made = launches(3)
    arrays = [
        dataclasses.replace(
            one,
            blocks_ns=[np.array(block, "<i8") for block in one.blocks_ns],
            end_to_end_ns=np.array([5, 6], "<i8"),
        )
        for one in made
    ]
    lists = [dataclasses.replace(one, end_to_end_ns=[5, 6]) for one in made]
    assert timing.of(arrays) == timing.of(lists)


def test_without_samples_there_is_nothing():
    for nothing in ([], [measurement("job", blocks=[])], [measurement("job", blocks=[[]])]):
        found = timing.of(nothing)
        assert (found.latency, found.end_to_end, found.floors, found.throughput_per_s) == (
            None,
            None,
            {},
            None,
        )


def test_launches_without_samples_are_not_counted():
    found = timing.of([measurement("job", 0), measurement("job", 1, blocks=[])])
    assert found.latency.launches == 1
