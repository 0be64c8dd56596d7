"""The courses of cells: whose a step is, machines, states, revisions."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from harness import git
from harness.analysis.history import courses
from harness.record.history import Course, Figure, Step
from harness.store.index import CellEntry, MachineEntry, RunEntry
from tests.unit.histories import HERE, cell, run, store

COUNT = 40


def times(seed: int, *steps: tuple[int, float], deviation: float = 0.005) -> list[float | None]:
    """Times in ms with noise, and a factor from some run on."""
    chance = random.Random(seed)  # noqa: S311 - noise
    factor, found = 1.0, list[float | None]()
    for at in range(COUNT):
        factor *= dict(steps).get(at, 1.0)
        found.append(factor * chance.gauss(1, deviation))
    return found


def shown(
    runs: list[RunEntry], cells: list[CellEntry], figure: Figure = "latency", **more: Any
) -> dict[str, Course]:
    return {course.variant: course for course in courses(runs, cells, figure, 0.02, **more)}


def near(steps: tuple[Step, ...], at: int) -> Step:
    (step,) = steps
    assert abs(step.at - at) <= 1 and step.last == step.at - 1
    return step


def test_a_step_of_one_cell_is_its_own() -> None:
    found = shown(*store({"a": times(1, (20, 1.08)), "b": times(2), "c": times(3), "d": times(4)}))
    step = near(found["a"].steps, 20)
    assert (step.whose, step.kind, step.moved, step.of) == ("cell", "figure", 1, 4)
    assert step.change == pytest.approx(0.08, abs=0.01) and step.relative == pytest.approx(0.08, abs=0.02)
    assert step.low is not None and step.high is not None and step.low < 0.08 < step.high
    assert step.before == pytest.approx(1.0, abs=0.01) and step.after == pytest.approx(1.08, abs=0.01)
    assert not found["b"].steps and not found["c"].steps and not found["d"].steps


@pytest.mark.parametrize("others", [1, 2, 5])
def test_a_step_of_all_cells_is_their_machines(others: int) -> None:
    found = shown(*store({f"v{n}": times(n, (20, 1.08)) for n in range(others + 1)}))
    for course in found.values():
        step = near(course.steps, 20)
        assert step.whose == "group" and (step.moved, step.of) == (others + 1, others + 1)


def test_a_cell_that_nothing_was_measured_beside_is_not_blamed() -> None:
    step = near(shown(*store({"a": times(1, (20, 1.08))}))["a"].steps, 20)
    assert step.whose == "unknown" and step.relative is None


def test_most_cells_that_move_do_not_make_the_others_move_the_other_way() -> None:
    moved = {f"m{n}": times(n, (20, 1.1)) for n in range(4)}
    found = shown(*store({**moved, "still": times(8), "too": times(9)}))
    assert not found["still"].steps and not found["too"].steps
    assert all(near(found[name].steps, 20).moved == 4 for name in moved)


def test_a_cell_that_stays_while_its_machine_slows_down_is_no_verdict() -> None:
    """As measured it got slower, relative to the others faster."""
    group = {f"v{n}": times(n, (20, 1.2)) for n in range(4)}
    step = near(shown(*store({**group, "a": times(8, (20, 1.04))}))["a"].steps, 20)
    assert step.whose == "unknown" and step.relative is not None and step.relative < 0 < (step.change or 0)


def test_a_drifting_machine_hides_no_step_of_a_cell() -> None:
    chance, level = random.Random(5), 1.0  # noqa: S311 - noise
    drift = [level := level * chance.gauss(1, 0.01) for _ in range(COUNT)]
    group = {f"v{n}": times(n, *([(20, 1.06)] if n == 0 else [])) for n in range(6)}
    drifting = {
        name: [each and each * by for each, by in zip(values, drift, strict=True)]
        for name, values in group.items()
    }
    found = shown(*store(drifting))
    assert [step.whose for step in found["v0"].steps].count("cell") == 1
    assert all(step.whose != "cell" for n in range(1, 6) for step in found[f"v{n}"].steps)


def test_machines_of_one_name_are_told_apart() -> None:
    """Runs on another machine are a course of their own, not a step."""
    other = MachineEntry("cpu", machine="local", **{**HERE, "cores": 8, "memory_bytes": 64_000_000_000})
    runs = [run(n) if n % 2 else run(n, machines=(other,)) for n in range(COUNT)]
    values = [each and each * (1 if n % 2 else 0.5) for n, each in enumerate(times(1))]
    found = courses(*store({"a": values}, runs), "latency", 0.02)
    assert [(course.machine, len(course.points)) for course in found] == [
        ("AMD EPYC, 2 cores, 8.0 GB", COUNT // 2),
        ("AMD EPYC, 8 cores, 64.0 GB", COUNT // 2),
    ]
    assert not any(course.steps for course in found)
    unknown = [run(n) if n % 2 else run(n, machines=(MachineEntry("cpu"),)) for n in range(COUNT)]
    assert [course.machine for course in courses(*store({"a": times(1)}, unknown), "latency", 0.02)] == [None]


def test_profiles_of_one_machine_are_one_group() -> None:
    devices = ("cpu", "xnnpack")
    machines = tuple(MachineEntry(name, machine="local", **HERE) for name in devices)
    runs = [run(n, devices=devices, machines=machines) for n in range(COUNT)]
    slow = times(1, (20, 1.1))
    cells = [
        cell(entry, "a", slow[n], device=device, delegate=device)
        for n, entry in enumerate(runs)
        for device in devices
    ]
    found = courses(runs[::-1], cells, "latency", 0.02)
    assert [course.steps[0].whose for course in found] == ["group", "group"]


def test_head_of_a_run_with_sides_is_a_point_of_the_same_course() -> None:
    runs, cells = store({"a": times(1)})
    sided = [structs.replace(one, id=f"{one.id}/head", side="head") for one in cells[::2]]
    (found,) = courses(runs, [*sided, *cells[1::2]], "latency", 0.02)
    assert found.id == "digits/a/cpu/cpu/1" and len(found.points) == COUNT


def test_speedups_over_another_baseline_are_left_out() -> None:
    """Runs of int8 alone have int8 as their baseline: nothing became slower."""
    runs, cells = store({"float32": [1.0] * COUNT, "int8": times(1)})
    cells = [
        structs.replace(one, speedup=one.speedup and 2 * one.speedup) if one.variant == "int8" else one
        for one in cells
    ]
    alone = {run.folder for run in runs[:12]}
    cells = [
        structs.replace(one, speedup=1.0) if one.folder in alone else one
        for one in cells
        if one.folder not in alone or one.variant == "int8"
    ]
    found = shown(runs, cells, "speedup")
    assert not found["int8"].steps and found["float32"].note is None
    assert found["int8"].note == "12 runs are left out: speedups over another baseline"
    assert [point.value is None for point in found["int8"].points] == [False] * (COUNT - 12) + [True] * 12
    assert len(shown(runs, cells)["int8"].steps) == 0 and shown(runs, cells)["int8"].note is None


def test_a_baseline_has_no_step_of_its_speedup() -> None:
    runs, cells = store({"a": [1.0] * COUNT, "b": times(1, (20, 0.9)), "c": times(2)})
    found = shown(runs, cells, "speedup")
    assert not found["a"].steps and not found["c"].steps
    step = near(found["b"].steps, 20)
    assert step.whose == "cell" and step.change == pytest.approx(0.11, abs=0.02)


def test_what_repeats_exactly_changes_without_a_test() -> None:
    runs, cells = store({"a": times(1)})
    grown = [
        cell(entry, "a", 1.0, size_bytes=1000 if n < 38 else 1010) for n, entry in enumerate(reversed(runs))
    ]
    (step,) = shown(runs, grown, "size")["a"].steps
    assert (step.at, step.last, step.before, step.after) == (38, 37, 1000, 1010)
    assert step.change == pytest.approx(0.01) and step.low is None
    assert not shown(runs, cells, "size")["a"].steps
    left = [cell(entry, "a", 1.0, ops_delegated=4 - (n >= 30)) for n, entry in enumerate(reversed(runs))]
    kinds = [(step.at, step.kind, step.change) for step in shown(runs, left, "ops")["a"].steps]
    assert kinds == [(30, "figure", None), (30, "status", None)]


def test_a_status_that_lasts_is_a_step() -> None:
    values: list[float | None] = [1.0] * 10 + [None, 1.0, None, None] + [1.0] * 6 + [None] * 3
    (step,) = shown(*store({"a": values}))["a"].steps
    assert (step.at, step.last, step.kind, step.before, step.after) == (20, 19, "status", "ok", "crashed")


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([1.0] * 7, "7 runs are too few to find a step; 8 needed"),
        ([1.0] + [None] * 9, "1 run is too few to find a step; 8 needed"),
        ([1.0] * 8, None),
    ],
)
def test_too_few_runs_are_said_to_be(values: list[float | None], note: str | None) -> None:
    assert shown(*store({"a": values}))["a"].note == note


def test_runs_of_a_revision_are_one_point_in_the_order_that_is_given() -> None:
    made = [git_run(n, "cab"[n // 4], dirty=n == 5) for n in range(12)]
    values: list[float | None] = [float(n + 1) for n in range(12)]
    found = shown(*store({"a": values}, made), order=["a" * 40, "b" * 40, "c" * 40])["a"]
    told = [
        (point.revision, point.dirty, point.runs, point.value, point.low, point.high)
        for point in found.points
    ]
    assert told == [
        ("a" * 40, False, 3, 7.0, 5.0, 8.0),
        ("a" * 40, True, 1, 6.0, None, None),
        ("b" * 40, False, 4, 10.5, 9.0, 12.0),
        ("c" * 40, False, 4, 2.5, 1.0, 4.0),
    ]
    assert found.note == "4 revisions are too few to find a step; 8 needed"


def git_run(number: int, letter: str, *, dirty: bool) -> RunEntry:
    return run(number, git=git.Git(letter * 40, "main", dirty))


def test_git_orders_revisions(tmp_path: Path) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")

    def ask(*arguments: str) -> str:
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    ask("init", "-b", "main")
    made = []
    for name in ("one", "two", "three"):
        ask("commit", "--allow-empty", "-m", name)
        made.append(ask("rev-parse", "HEAD").strip())
    assert git.in_order(made[::-1], tmp_path) == made
    assert git.in_order(made[::2], tmp_path) == made[::2]
    assert git.in_order([*made, "1" * 40], tmp_path) is None
    assert git.in_order(made, tmp_path.parent) is None
