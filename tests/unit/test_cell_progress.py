"""How far the cells of a run are: what is recorded of a machine's answers, and what is asked again."""

from __future__ import annotations

import dataclasses

import pytest

from delegates.wire import Evaluated, Evaluation, Failure, Job, Output, Request
from harness.record import Crashed, Done, Unavailable, WorkerEnd
from harness.session.progress import Cells
from tests.unit.run_builder import measurement


def job(id: str, group: str = "net") -> Job:
    return Job(id, group, f"{id}.tflite", None, "cpu", "auto", "python3")


REQUEST = Request("run", jobs=[job("a"), job("b"), job("c", "other")], min_launches=2, max_launches=3)
OUTPUT = Output("y", [1, 1], "AACAPw==")


def launch(id: str, number: int = 0, **more):
    return dataclasses.replace(measurement(id), launch=number, **more)


@pytest.fixture
def cells():
    return Cells(job.id for job in REQUEST.jobs)


def test_a_launch_is_recorded_once(cells):
    assert cells.accept(REQUEST, launch("a", 3)) == launch("a", 3)
    assert cells.accept(REQUEST, launch("a", 3)) is None
    assert cells.accept(REQUEST, launch("a", 4)) is not None


def test_a_machine_answers_only_for_what_it_was_asked(cells):
    """b is another machine's."""
    alone = dataclasses.replace(REQUEST, jobs=[job("a")])
    assert cells.accept(alone, launch("b")) is None
    assert cells.accept(alone, launch("nobody")) is None
    assert cells.fail(alone, Failure("b", 0, "crash", "it died")) is None
    assert cells.lose(REQUEST, "link", "gone") == [
        (id, Unavailable("gone", WorkerEnd("link"))) for id in ("a", "b", "c")
    ]


def test_no_more_launches_than_two_conductors_can_make(cells):
    taken = [cells.accept(REQUEST, launch("a", number)) for number in range(100)]
    assert sum(found is not None for found in taken) == 2 * REQUEST.max_launches


def test_a_baseline_may_have_a_launch_for_every_launch_of_another_cell(cells):
    """On a machine with little memory each of the others is launched on its own, the baseline beside it."""
    jobs = [dataclasses.replace(job("a"), baseline=True), job("b"), job("c")]
    request = dataclasses.replace(REQUEST, jobs=jobs)
    taken = [cells.accept(request, launch("a", number)) for number in range(100)]
    assert sum(found is not None for found in taken) == 2 * REQUEST.max_launches * len(jobs)


def test_outputs_are_recorded_with_the_first_launch_that_has_them(cells):
    assert cells.accept(REQUEST, launch("a", 0)).outputs == []
    assert cells.accept(REQUEST, launch("a", 1, outputs=[OUTPUT])).outputs == [OUTPUT]
    assert cells.accept(REQUEST, launch("a", 2, outputs=[OUTPUT])).outputs == []


def test_a_cell_ends_once_and_keeps_its_launches(cells):
    cells.accept(REQUEST, launch("a"))
    assert isinstance(cells.fail(REQUEST, Failure("a", 1, "crash", "it died")), Crashed)
    assert cells.fail(REQUEST, Failure("a", 1, "load", "again")) is None
    assert cells.accept(REQUEST, launch("a", 2)) is None
    assert cells.lose(REQUEST, "link", "gone")[0][0] == "b"


def test_models_with_a_cell_that_lacks_launches_are_asked_again_as_a_whole(cells):
    """Only what is measured together compares."""
    for number in range(2):
        cells.accept(REQUEST, launch("a", number))
        cells.accept(REQUEST, launch("c", number))
    rest = cells.rest(REQUEST)
    assert [job.id for job in rest.jobs] == ["a", "b"]
    assert rest.first_launch == 2
    cells.fail(REQUEST, Failure("a", 2, "crash", "it died"))
    assert [job.id for job in cells.rest(REQUEST).jobs] == ["b"]


def test_what_has_its_launches_is_done_and_what_lacks_some_is_lost(cells):
    for number in range(2):
        cells.accept(REQUEST, launch("a", number))
    cells.accept(REQUEST, launch("b"))
    assert [id for id, _ in cells.lose(REQUEST, "crash", "it died")] == ["b", "c"]
    assert cells.finish(REQUEST) == [("a", Done())]
    assert cells.finish(REQUEST) == []
    assert cells.rest(REQUEST).jobs == []


def part(id: str, first: int, samples: int, keep: str = "classes") -> Evaluated:
    return Evaluated(id, first, keep, [Output("classes", [samples, 1], "")])


def test_parts_of_an_evaluation_are_recorded_once_and_as_far_as_asked(cells):
    asked = Evaluation("data.npz", 100, "classes")
    request = dataclasses.replace(REQUEST, jobs=[dataclasses.replace(job("a"), evaluation=asked), job("b")])
    assert cells.accept_evaluated(request, part("a", 0, 40))
    assert not cells.accept_evaluated(request, part("a", 0, 40))
    assert not cells.accept_evaluated(request, part("a", 41, 5))  # a gap
    assert cells.accept_evaluated(request, part("a", 30, 20))  # after a lost link they end elsewhere
    assert not cells.accept_evaluated(request, part("a", 50, 51))
    assert not cells.accept_evaluated(request, part("a", 50, 50, "outputs"))
    assert cells.accept_evaluated(request, part("a", 50, 50))
    assert not cells.accept_evaluated(request, part("b", 0, 10))  # not asked for


def test_if_only_evaluations_are_missing_nothing_is_timed_again(cells):
    asked = Evaluation("data.npz", 100, "classes")
    jobs = [dataclasses.replace(job(id), evaluation=asked) for id in "ab"]
    reference = dataclasses.replace(job("c"), evaluation=asked, timed=False)
    request = dataclasses.replace(REQUEST, jobs=[*jobs, reference])
    for id in "ab":
        for number in (0, 1):
            cells.accept(request, launch(id, number))
    cells.accept_evaluated(request, part("a", 0, 100))
    rest = cells.rest(request)
    assert ([one.id for one in rest.jobs], rest.budget_s) == (["a", "b", "c"], 0.0)
    assert not cells.lose(rest, "link", "gone")
    for id in "bc":
        cells.accept_evaluated(request, part(id, 0, 100))
    assert not cells.rest(request).jobs
