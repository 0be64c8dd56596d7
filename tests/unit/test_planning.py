"""How a job's time is divided between launches and blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from delegates.agent.measured import CPU, WALL, Measured
from delegates.agent.planning import FIRST_BLOCKS, Cost, Spread, blocks_per_launch, spread
from delegates.stats import tercile

MS = 1_000_000


@pytest.mark.parametrize(
    ("within", "between", "launch_ms", "block_ms", "blocks"),
    [
        (4.0, 1.0, 50, 2, 10),  # sqrt(4 x 25)
        (1.0, 1.0, 50, 2, 5),
        (1.0, 1.0, 200, 2, 10),  # launches that cost more deserve more blocks
        (1.0, 100.0, 50, 2, 4),  # blocks bring nothing: the least
        (100.0, 1e-6, 50, 2, 100),
        (0.0, 0.0, 50, 2, 4),
    ],
)
def test_the_formula(within, between, launch_ms, block_ms, blocks):
    assert blocks_per_launch(Spread(within, between), Cost(launch_ms * MS, block_ms * MS)) == blocks


def test_without_knowledge_it_is_the_first_guess():
    assert spread([0.1, 0.2], 10, [(1, 1), (1, 1)]) is None  # too few launches
    assert spread([0.1, 0.2, 0.3], 1, []) is None  # of one block each
    assert blocks_per_launch(None, Cost(1, 1)) == blocks_per_launch(Spread(1, 1), Cost(1, 0)) == FIRST_BLOCKS


def launches(rng, count, blocks, within, between):
    """Floors of blocks with normally distributed logarithms, by launch."""
    middles = rng.normal(0, between, count)
    return [np.exp(rng.normal(middle, within, blocks)) * 1e6 for middle in middles]


@pytest.mark.parametrize(("within", "between"), [(0.02, 0.005), (0.01, 0.01)])
def test_both_variances_are_found(within, between):
    rng = np.random.default_rng(3)
    made = launches(rng, 4000, 20, within, between)
    values = [math.log(np.mean(one)) for one in made]
    halves = [(np.mean(one[::2]), np.mean(one[1::2])) for one in made]
    found = spread(values, 20, halves)
    assert math.sqrt(found.within) == pytest.approx(within, rel=0.1)
    assert math.sqrt(found.between) == pytest.approx(between, rel=0.1)


@pytest.mark.parametrize("batches", [1, 5])
def test_a_ratio_varies_by_what_both_vary(batches):
    """However many more launches the baseline has: it is part of every batch."""
    rng = np.random.default_rng(4)
    ours, theirs = launches(rng, 4000, 10, 0.01, 0), launches(rng, 4000 * batches, 10, 0.01, 0)
    values = [math.log(np.mean(a) / np.mean(b)) for a, b in zip(ours, theirs[::batches], strict=True)]
    halves = [[(np.mean(one[::2]), np.mean(one[1::2])) for one in job] for job in (ours, theirs)]
    assert math.sqrt(spread(values, 10, *halves).within) == pytest.approx(0.01 * math.sqrt(2), rel=0.1)


def test_no_other_number_of_blocks_narrows_faster_at_the_same_cost():
    """By simulation: 10 s of launches of 40 ms and blocks of 2 ms."""
    rng, within, between, cost = np.random.default_rng(5), 0.008, 0.003, Cost(40 * MS, 2 * MS)
    best = blocks_per_launch(Spread(within**2, between**2), cost)

    def error(blocks):
        count = round(10_000 * MS / (cost.launch_ns + blocks * cost.block_ns))
        means = rng.normal(0, between, (3000, count)) + rng.normal(
            0, within / math.sqrt(blocks), (3000, count)
        )
        return means.mean(axis=1).std()

    assert error(best) < min(error(max(1, best // 4)), error(best * 4))


def test_what_is_measured_adds_up():
    one = Measured()
    one.add(0, [[2 * MS] * 3, [4 * MS] * 3, [6 * MS] * 3], [], 100 * MS, 36 * MS)
    one.add(1, [[5 * MS]], [[3 * MS]], 50 * MS, 6 * MS)
    assert (one.launches, one.spent_ns, one.cost_ns, one.blocks) == (2, 41 * MS, 150 * MS, 2)
    assert one.cost == Cost(54 * MS, 10.5 * MS)
    assert one.floors == ({0: tercile([2 * MS, 4 * MS, 6 * MS]), 1: 5 * MS}, {1: 3 * MS})
    assert one.halves(WALL) == [(tercile([2 * MS, 6 * MS]), 4 * MS)] and one.halves(CPU) == []
