"""When a job has had enough, and who comes along."""

from __future__ import annotations

from delegates.agent.stopping import Ledger
from delegates.wire import Job, Request

MS = 1_000_000


def ledger(*names, budget_s=1.0, precision=0.01, **changes):
    jobs = [
        Job(name, "g", "m", None, "cpu", "auto", "python3", baseline=name == "base", **changes)
        for name in names
    ]
    return Ledger(jobs, Request("run", jobs, budget_s=budget_s, precision=precision))


def enter(book, number, **blocks):
    """What one launch brought: milliseconds of inferences by job."""
    for job in book.jobs:
        if job.id in blocks:
            book.enter(job, number, [[round(ms * MS) for ms in blocks[job.id]]], [], lost=False)


def wanting(book):
    return [job.id for job in book.wanting()]


def test_steady_ratios_end_after_the_least_number_of_launches_even_if_both_move_together():
    book = ledger("base", "other")
    for number in range(6):
        assert wanting(book) == ["base", "other"]
        enter(book, number, base=[2 + number], other=[1 + number / 2])
    assert wanting(book) == []


def test_unsteady_ratios_go_on_until_the_budget_is_spent_and_the_baseline_comes_along():
    book = ledger("base", "steady", "unsteady", budget_s=0.08)
    for number in range(6):
        enter(book, number, base=[2] * 3, steady=[1] * 3, unsteady=[1 + number % 2] * 3)
    assert wanting(book) == ["base", "unsteady"]
    number = 6
    while wanting(book):
        enter(book, number, base=[2] * 30, unsteady=[1 + number % 2] * 3)
        number += 1
    assert 0.08 <= book._spent_ns["unsteady"] / 1e9 < 0.087
    assert book._launches["steady"] == 6


def test_a_hopelessly_slow_job_gets_one_launch_and_starves_nobody():
    book = ledger("base", "slow", budget_s=1.0)
    enter(book, 0, base=[1] * 100, slow=[5000])
    assert wanting(book) == ["base"]


def test_no_job_is_launched_for_ever():
    book = ledger("base", "tiny")
    for number in range(20):
        assert wanting(book)
        enter(book, number, base=[0.001], tiny=[0.001 * (1 + number % 2)])
    assert wanting(book) == []


def test_a_lost_job_wants_nothing_and_without_its_baseline_a_job_settles_by_itself():
    book = ledger("base", "other")
    book.enter(book.jobs[0], 0, [], [], lost=True)
    for number in range(6):
        enter(book, number, other=[1.0])
    assert wanting(book) == []


def test_batches_fit_the_room_and_each_has_the_baseline():
    book = ledger("a", "base", "c", "d")
    batches = [[job.id for job in batch] for batch in book.batches(book.jobs, room=3)]
    assert batches == [["base", "a", "c"], ["base", "d"]]
    assert [[job.id for job in b] for b in book.batches(book.jobs[1:2], room=3)] == [["base"]]
