"""When a job has had enough launches, and which jobs are launched beside it."""

from __future__ import annotations

from delegates.agent.conductor import batches
from delegates.agent.stopping import StoppingRule
from delegates.wire import Job, Request

MS = 1_000_000


def stopping_rule(*names, budget_s=1.0, precision=0.01, **changes):
    jobs = [
        Job(name, "g", "m", None, "cpu", "auto", "python3", baseline=name == "base", **changes)
        for name in names
    ]
    return StoppingRule(jobs, Request("run", jobs, budget_s=budget_s, precision=precision))


def add_launches(rule, number, **blocks):
    """One launch of each job: milliseconds of inferences by job."""
    for job in rule.jobs:
        if job.id in blocks:
            rule.add_launch(job, number, [[round(ms * MS) for ms in blocks[job.id]]], [])


def test_cpu_time_counts_only_if_both_measured_it_in_every_launch_that_they_share():
    """A launch without it must not be set against CPU time: home doesn't compare them like that either."""
    rule = stopping_rule("base", "other")
    for number in range(6):
        cpu_time = [[number + 1]] if number else []  # the core was given to others: wall time is steady
        rule.add_launch(rule.jobs[0], number, [[2 * MS]], [[2 * MS]])
        rule.add_launch(rule.jobs[1], number, [[MS]], cpu_time)
    assert unfinished(rule) == []


def test_cpu_time_of_both_is_what_converges():
    rule = stopping_rule("base", "other")
    for number in range(6):
        rule.add_launch(rule.jobs[0], number, [[(2 + number) * MS]], [[2 * MS]])
        rule.add_launch(rule.jobs[1], number, [[MS]], [[MS]])
    assert unfinished(rule) == []


def unfinished(rule):
    return [job.id for job in rule.unfinished()]


def test_steady_ratios_end_after_the_least_number_of_launches_even_if_both_move_together():
    rule = stopping_rule("base", "other")
    for number in range(6):
        assert unfinished(rule) == ["base", "other"]
        add_launches(rule, number, base=[2 + number], other=[1 + number / 2])
    assert unfinished(rule) == []


def test_unsteady_ratios_go_on_until_the_budget_is_spent_and_the_baseline_comes_along():
    rule = stopping_rule("base", "steady", "unsteady", budget_s=0.08)
    for number in range(6):
        add_launches(rule, number, base=[2] * 3, steady=[1] * 3, unsteady=[1 + number % 2] * 3)
    assert unfinished(rule) == ["base", "unsteady"]
    number = 6
    while unfinished(rule):
        add_launches(rule, number, base=[2] * 30, unsteady=[1 + number % 2] * 3)
        number += 1
    assert 0.08 <= rule._spent_ns["unsteady"] / 1e9 < 0.087
    assert rule._launches["steady"] == 6


def test_a_hopelessly_slow_job_gets_one_launch_and_starves_nobody():
    rule = stopping_rule("base", "slow", budget_s=1.0)
    add_launches(rule, 0, base=[1] * 100, slow=[5000])
    assert unfinished(rule) == ["base"]


def test_no_job_is_launched_for_ever():
    rule = stopping_rule("base", "tiny")
    for number in range(20):
        assert unfinished(rule)
        add_launches(rule, number, base=[0.001], tiny=[0.001 * (1 + number % 2)])
    assert unfinished(rule) == []


def test_a_failed_job_is_finished_and_without_its_baseline_a_job_converges_by_itself():
    rule = stopping_rule("base", "other")
    rule.give_up(rule.jobs[0])
    for number in range(6):
        add_launches(rule, number, other=[1.0])
    assert unfinished(rule) == []


def test_batches_fit_the_room_and_each_has_the_baseline():
    jobs = stopping_rule("a", "base", "c", "d").jobs
    found = [[job.id for job in batch] for batch in batches(jobs, jobs[1], room=3)]
    assert found == [["base", "a", "c"], ["base", "d"]]
    assert [[job.id for job in b] for b in batches(jobs[1:2], jobs[1], room=3)] == [["base"]]
    assert [[job.id for job in b] for b in batches(jobs[2:], None, room=1)] == [["c"], ["d"]]
