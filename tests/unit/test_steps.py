"""The test for steps: what it finds, and what it leaves alone."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from harness.analysis.history import steps

SMALLEST = math.log1p(0.02)


def noisy(levels: list[tuple[int, float]], deviation: float = 0.01, seed: int = 1) -> list[float]:
    """Logarithms: so many points at each level, with noise."""
    chance = random.Random(seed)  # noqa: S311 - noise
    return [level + chance.gauss(0, deviation) for count, level in levels for _ in range(count)]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([(20, 0.0), (20, 0.08)], [20]),
        ([(20, 0.0), (4, 0.08)], [20]),
        ([(4, 0.08), (20, 0.0)], [4]),
        ([(20, 0.0), (10, -0.08), (30, 0.0)], [20, 30]),
        ([(20, 0.0), (20, 0.5), (20, 0.6)], [20, 40]),
        ([(20, 0.0), (100, 0.04)], [20]),
        ([(40, 0.0)], []),
        ([(20, 0.0), (3, 0.08)], []),
    ],
)
def test_steps_are_found_where_they_are(levels: list[tuple[int, float]], expected: list[int]) -> None:
    for seed in range(10):
        found = steps.steps(noisy(levels, seed=seed), SMALLEST)
        assert len(found) == len(expected)
        assert all(abs(at - wanted) <= 2 for at, wanted in zip(found, expected, strict=True))


def test_a_step_between_equal_values_is_exactly_where_it_is() -> None:
    assert steps.steps([0.0] * 30 + [0.05] * 12, SMALLEST) == [30]
    assert steps.steps([0.0] * 30 + [0.019] * 12, SMALLEST) == []
    assert steps.steps([0.3] * 40, SMALLEST) == []


def test_single_bad_runs_are_no_step() -> None:
    values = noisy([(60, 0.0)])
    for at in (10, 11, 30, 55):
        values[at] += 0.5
    assert steps.steps(values, SMALLEST) == []


def test_too_few_points_have_no_step() -> None:
    few = [0.0] * 3 + [1.0] * 4
    assert len(few) == steps.FEWEST - 1 and steps.steps(few, SMALLEST) == []
    assert steps.steps([0.0, *few], SMALLEST) == [4]


@pytest.mark.parametrize("count", [8, 12, 24, 50, 100])
@pytest.mark.parametrize("phi", [0.0, 0.5])
def test_noise_has_few_steps(count: int, phi: float) -> None:
    """The level is 1 %; `python benchmarks/steps.py` has the figures."""
    chance, found, tries = random.Random(count), 0, 200  # noqa: S311 - noise
    for _ in range(tries):
        value, values = chance.gauss(0, 0.02), []
        for _ in range(count):
            values.append(value)
            value = phi * value + math.sqrt(1 - phi * phi) * chance.gauss(0, 0.02)
        found += bool(steps.steps(values, SMALLEST))
    assert found <= (3 if phi == 0 else 10)


def test_the_noise_is_that_of_the_levels_and_counts_drift() -> None:
    still, moved = noisy([(200, 0.0)]), noisy([(100, 0.0), (100, 0.3)])
    assert steps.noise(still) == pytest.approx(0.01, rel=0.3)
    assert steps.noise(moved) == pytest.approx(0.01, rel=0.3)
    drift = [math.sin(at / 8) / 20 for at in range(200)]
    assert steps.noise(drift) > 5 * steps.noise(still)


@pytest.mark.parametrize("seed", [212, 280, 640])
def test_steps_of_a_level_that_wanders_are_in_order_and_apart(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - noise
    level = itertools.accumulate(chance.gauss(0, 0.005) for _ in range(200))
    values = [value + chance.gauss(0, 0.005) for value in level]
    bounds = [0, *steps.steps(values, SMALLEST), len(values)]
    assert len(bounds) > 3
    assert all(end - begin >= steps.SHORTEST for begin, end in itertools.pairwise(bounds))
