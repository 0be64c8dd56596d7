"""Figures with an interval, and what comparing them says."""

from __future__ import annotations

import math
import operator

import pytest

from qbench.estimates import Effort, Estimate, Undecided

WIDE = Estimate("speedup", 2.0, 1.5, 2.5)


@pytest.mark.parametrize(
    ("compare", "limit", "answer"),
    [
        (operator.gt, 1.4, True),
        (operator.gt, 1.5, None),  # the lower bound itself is not above
        (operator.gt, 2, None),
        (operator.gt, 2.5, False),  # nothing of the interval is above
        (operator.ge, 1.5, True),
        (operator.ge, 2.5, None),
        (operator.ge, 2.6, False),
        (operator.lt, 2.6, True),
        (operator.lt, 2.5, None),
        (operator.lt, 1.5, False),
        (operator.le, 2.5, True),
        (operator.le, 1.5, None),
        (operator.le, 1.4, False),
        (operator.gt, Estimate("other", 1.2, 1.0, 1.4), True),
        (operator.gt, Estimate("other", 3.0, 2.5, 3.5), False),
        (operator.lt, Estimate("other", 2.6, 2.4, 2.8), None),
        (operator.gt, math.inf, False),
        (operator.gt, -1, True),
    ],
)
def test_a_comparison_holds_for_the_whole_interval_or_is_undecided(compare, limit, answer):
    if answer is None:
        with pytest.raises(Undecided, match=r"^speedup is 2 \(1.5 to 2.5\): can't tell whether it is"):
            compare(WIDE, limit)
    else:
        assert compare(WIDE, limit) is answer
    if not isinstance(limit, Estimate) and answer is not None:
        mirrored = {operator.gt: operator.lt, operator.ge: operator.le, operator.lt: operator.gt}
        assert mirrored.get(compare, operator.ge)(limit, WIDE) is answer


def test_without_an_interval_nothing_is_decided():
    alone = Estimate("latency", 3.0, None, None, "ms")
    assert repr(alone) == "3 (no interval) ms"
    with pytest.raises(Undecided, match="measure longer: there are too few launches"):
        alone < 100  # noqa: B015


@pytest.mark.parametrize(
    "wrong", [lambda: WIDE == 2, lambda: WIDE != 2, lambda: bool(WIDE), lambda: WIDE in [2]]
)
def test_an_estimate_is_no_condition_and_equals_nothing(wrong):
    with pytest.raises(TypeError, match=r"speedup is .*; compare it with < or >"):
        wrong()


@pytest.mark.parametrize("other", ["2", None, True, math.nan])
def test_an_estimate_is_compared_with_numbers(other):
    with pytest.raises(TypeError, match="compared with a number, not with"):
        other < WIDE  # noqa: B015


@pytest.mark.parametrize(
    ("limit", "advice"),
    [
        (2.2, "measure longer: budget_s=21.5, precision=0.09"),  # 2.7 times closer than the interval is wide
        (2.0, "they are too close to be told apart"),
        (2.01, "they are too close to be told apart"),
    ],
)
def test_advice_says_how_much_work_would_decide(limit, advice):
    found = Estimate("speedup", 2.0, 1.5, 2.5, effort=Effort(2.0, 0.5))
    with pytest.raises(Undecided) as error:
        found > limit  # noqa: B015
    assert (
        str(error.value) == f"speedup is 2 (1.5 to 2.5): can't tell whether it is above {limit:g}; {advice}"
    )


def test_an_estimate_shows_its_interval():
    assert repr(Estimate("latency", 0.0123456, 0.01, 0.015, "ms")) == "0.01235 (0.01 to 0.015) ms"
    assert float(WIDE) == 2.0
