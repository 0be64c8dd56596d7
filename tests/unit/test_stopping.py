"""When a job has had enough launches, and which jobs are launched beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from delegates import stats
from delegates.agent.conductor import batches
from delegates.agent.planning import FIRST_BLOCKS
from delegates.agent.stopping import StoppingRule
from delegates.wire import Job, Request

MS = 1_000_000


def stopping_rule(*names, budget_s=1.0, precision=0.01, **changes):
    jobs = [
        Job(name, "g", "m", None, "cpu", "auto", "python3", baseline=name == "base", **changes)
        for name in names
    ]
    return StoppingRule(jobs, Request("run", jobs, budget_s=budget_s, precision=precision))


def add_launches(rule, number, cost_ms=1, **blocks):
    """One launch of each job: milliseconds of inferences by job."""
    for job in rule.jobs:
        if job.id in blocks:
            rule.add_launch(job, number, [[round(ms * MS) for ms in blocks[job.id]]], [], cost_ms * MS)


def test_cpu_time_counts_only_if_both_measured_it_in_every_launch_that_they_share():
    """A launch without it must not be set against CPU time: home doesn't compare them like that either."""
    rule = stopping_rule("base", "other")
    for number in range(10):
        cpu_time = [[number + 1]] if number else []  # the core was given to others: wall time is steady
        rule.add_launch(rule.jobs[0], number, [[2 * MS]], [[2 * MS]])
        rule.add_launch(rule.jobs[1], number, [[MS]], cpu_time)
    assert unfinished(rule) == []


def test_cpu_time_of_both_is_what_converges():
    rule = stopping_rule("base", "other")
    for number in range(10):
        rule.add_launch(rule.jobs[0], number, [[(2 + number) * MS]], [[2 * MS]])
        rule.add_launch(rule.jobs[1], number, [[MS]], [[MS]])
    assert unfinished(rule) == []


def unfinished(rule):
    return [job.id for job in rule.unfinished()]


@pytest.mark.parametrize(("cost_ms", "launches"), [(10, 10), (99, 10), (130, 8), (1000, 6)])
def test_steady_ratios_end_after_ten_launches_or_fewer_dear_ones(cost_ms, launches):
    """They move together, as on a machine whose clock goes up and down."""
    rule = stopping_rule("base", "other")
    for number in range(launches):
        assert unfinished(rule) == ["base", "other"]
        add_launches(rule, number, cost_ms, base=[2 + number], other=[1 + number / 2])
    assert unfinished(rule) == []


def test_unsteady_ratios_go_on_until_the_budget_is_spent_and_the_baseline_comes_along():
    rule = stopping_rule("base", "steady", "unsteady", budget_s=0.08)
    for number in range(10):
        add_launches(rule, number, base=[2] * 3, steady=[1] * 3, unsteady=[1 + number % 2] * 3)
    assert unfinished(rule) == ["base", "unsteady"]
    number = 10
    while unfinished(rule):
        add_launches(rule, number, base=[2] * 30, unsteady=[1 + number % 2] * 3)
        number += 1
    assert 0.08 <= rule._measured["unsteady"].spent_ns / 1e9 < 0.087
    assert rule._measured["steady"].launches == 10


def test_launches_that_cost_much_more_than_they_time_are_not_repeated_for_ever():
    rule, number = stopping_rule("base", "tiny", budget_s=0.5), 0
    while unfinished(rule):
        add_launches(rule, number, 100, base=[0.1], tiny=[0.1 * (1 + number % 2)])
        number += 1
    assert number == 10  # 2 x 0.5 s / 0.1 s


def test_a_hopelessly_slow_job_gets_one_launch_and_starves_nobody():
    rule = stopping_rule("base", "slow", budget_s=1.0)
    add_launches(rule, 0, base=[1] * 100, slow=[5000])
    assert unfinished(rule) == ["base"]


def test_no_job_is_launched_for_ever():
    rule, rng = stopping_rule("base", "tiny"), np.random.default_rng(0)
    for number in range(200):
        assert unfinished(rule)
        add_launches(rule, number, base=[0.1], tiny=[0.1 * rng.lognormal(0, 0.5)])
    assert unfinished(rule) == []


def add_noisy(rule, number, rng, within, between, blocks=10):
    """One launch of each job, whose blocks and launches vary by so much. It costs 40 ms, a block 2 ms."""
    for job in rule.jobs:
        middle = rng.normal(0, between)
        times = [[round(0.02 * MS * float(np.exp(rng.normal(middle, within))))] * 100 for _ in range(blocks)]
        rule.add_launch(job, number, times, [], (40 + 2 * blocks) * MS, 2 * blocks * MS)


@pytest.mark.parametrize(
    ("within", "between", "least", "most"), [(0.03, 0.003, 25, 100), (0.003, 0.03, 4, 4)]
)
def test_blocks_are_timed_where_they_bring_something(within, between, least, most):
    rule, rng = stopping_rule("base", "other"), np.random.default_rng(1)
    assert {rule.blocks(job) for job in rule.jobs} == {FIRST_BLOCKS}
    for number in range(8):
        add_noisy(rule, number, rng, within, between)
    assert least <= rule.blocks(rule.jobs[1]) <= most
    assert rule.blocks(rule.jobs[0]) == rule.blocks(rule.jobs[1])  # the baseline keeps up


def test_copies_are_timed_in_the_first_launches_only():
    rule = stopping_rule("base", "other")
    wanted = []
    for number in range(10):
        wanted.append(rule.wants_copies(rule.jobs[1]))
        add_launches(rule, number, base=[2], other=[1])
    assert wanted == [True] * 6 + [False] * 4


def test_progress_ends_where_it_expects_to():
    rule, rng = stopping_rule("base", "other"), np.random.default_rng(2)
    done, expected = rule.progress_s(0)
    assert (done, expected) == (0, pytest.approx(1))  # ten launches of a twentieth of the budget each
    number = 0
    while rule.unfinished():
        add_noisy(rule, number, rng, 0.01, 0.01)
        number += 1
        done, expected = rule.progress_s(0)
        assert done <= expected <= 2.1
    assert done == expected


def test_progress_of_pairs_ends_where_it_expects_to():
    rule, rng = paired("A", "B", "a", "b"), np.random.default_rng(2)
    assert rule.progress_s(0) == (0, pytest.approx(2))
    number = 0
    while rule.unfinished():
        add_noisy(rule, number, rng, 0.01, 0.01)
        number += 1
        done, expected = rule.progress_s(0)
        assert done <= expected <= 4.2
    assert done == expected


def test_a_failed_job_is_finished_and_without_its_baseline_a_job_converges_by_itself():
    rule = stopping_rule("base", "other")
    rule.give_up(rule.jobs[0])
    for number in range(10):
        add_launches(rule, number, other=[1.0])
    assert unfinished(rule) == []


def paired(*names):
    """A rule with pairs: of each name with a capital, such as A, the second is a."""
    rule = stopping_rule(*names)
    jobs = [
        replace(j, baseline=j.id == "A", pair=j.id.lower() if j.id.isupper() else None) for j in rule.jobs
    ]
    return StoppingRule(jobs, Request("run", jobs, budget_s=1.0, precision=0.01))


def test_a_pair_goes_on_together_until_its_own_ratio_is_steady_too():
    rule = paired("A", "B", "a", "b")
    for number in range(10):
        add_launches(rule, number, A=[2], B=[1], a=[2], b=[1 + number % 2 / 2])
    assert unfinished(rule) == ["A", "B", "a", "b"]  # where the baseline goes, its second goes along
    number = 10
    while unfinished(rule):
        add_launches(rule, number, A=[2], B=[1], a=[2], b=[1])
        number += 1
    assert 10 < number < 100
    shown = stats.speedup(rule._measured["b"].floors[0], rule._measured["B"].floors[0])
    assert stats.is_narrow(shown, 0.01)


def test_a_pair_without_a_baseline_of_others_is_measured_like_any_ratio():
    rule = paired("A", "a")
    for number in range(10):
        assert unfinished(rule) == ["A", "a"]
        add_launches(rule, number, A=[1 + number], a=[2 + 2 * number])  # both meet the same machine
    assert unfinished(rule) == []


@pytest.mark.parametrize(("failed", "left"), [("b", ["A", "B", "a"]), ("B", ["A", "a", "b"])])
def test_the_rest_of_a_pair_of_which_one_fails_is_measured_as_if_alone(failed, left):
    rule = paired("A", "B", "a", "b")
    rule.give_up(next(job for job in rule.jobs if job.id == failed))
    for number in range(10):
        assert unfinished(rule) == left
        add_launches(rule, number, **{name: [2 + number] for name in left})
    assert unfinished(rule) == []


def test_a_second_that_has_spent_its_budget_does_not_go_on():
    rule = paired("A", "B", "a", "b")
    add_launches(rule, 0, A=[1], B=[1], a=[1], b=[1000])
    assert unfinished(rule) == ["A", "B", "a"]


def test_the_second_of_a_pair_times_as_many_blocks_as_the_first():
    rule, rng = paired("A", "B", "a", "b"), np.random.default_rng(1)
    for number in range(8):
        add_noisy(rule, number, rng, 0.03, 0.003)
    blocks = {job.id: rule.blocks(job) for job in rule.jobs}
    assert blocks["B"] == blocks["b"] and blocks["A"] == blocks["a"] == max(blocks.values())


@pytest.mark.parametrize(
    ("room", "expected"),
    [(100, ["AaBbc"]), (4, ["AaBb", "Aac"]), (5, ["AaBbc"]), (2, ["AaBb", "Aac"])],
)
def test_pairs_are_in_one_batch(room, expected):
    jobs = paired("A", "B", "a", "b", "c").jobs
    found = ["".join(job.id for job in batch) for batch in batches(jobs, jobs[0], room)]
    assert found == expected


def test_batches_fit_the_room_and_each_has_the_baseline():
    jobs = stopping_rule("a", "base", "c", "d").jobs
    found = [[job.id for job in batch] for batch in batches(jobs, jobs[1], room=3)]
    assert found == [["base", "a", "c"], ["base", "d"]]
    assert [[job.id for job in b] for b in batches(jobs[1:2], jobs[1], room=3)] == [["base"]]
    assert [[job.id for job in b] for b in batches(jobs[2:], None, room=1)] == [["c"], ["d"]]
