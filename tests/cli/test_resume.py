"""qbench run --resume: what a run lacks is measured as a run of its own, and shown with the first."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from harness import store
from tests.cli.conftest import COMMAND, environment, wait_for_launches
from tests.models import dense_model

RUN = ("run", "--model", "one", "--model", "two", "--device", "cpu", "--device", "xnnpack")
LONG = (*RUN, "--budget", "0.5", "--precision", "0%", "--quiet")
CELLS = 2 * 2 * 2


@pytest.fixture
def models(tmp_path):
    """Two models of two variants each, which take long enough to be interrupted."""
    for model in ("one", "two"):
        (tmp_path / model).mkdir()
        for seed, name in enumerate(("a", "b")):
            (tmp_path / model / f"{name}.tflite").write_bytes(dense_model(seed, inputs=1024, outputs=1024))
    return tmp_path


@pytest.fixture
def cut_short(models, cache):
    """Start a run, and end it by a signal once so many launches of a model are on its record."""

    def run(number: int, model: str, launches: int = 4):
        process = subprocess.Popen(
            [*COMMAND, *LONG],
            cwd=models,
            env=environment(cache),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        folder = wait_for_launches(models / "results", launches, of=model)
        os.killpg(process.pid, number)
        process.wait(timeout=60)
        return folder

    return run


def launches_by_cell(folder):
    return {entry.cell.id: len(entry.launches) for entry in store.load(folder, folder.parent).cells}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_resumed_run_has_what_the_first_one_lacks(qbench, cut_short, models, number):
    first = cut_short(number, "two")
    before = launches_by_cell(first)
    assert before["two/a/cpu/cpu/1"] < before["one/a/cpu/cpu/1"]
    alone = {
        cell["id"]: cell for cell in json.loads(qbench("show", first.name, "--json", "-").stdout)["cells"]
    }

    done = qbench("run", "--resume", "latest", "--tag", "why=rest", "--json", "-", "--quiet")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    second = document["run_id"].removeprefix(f"{first.name} + ")
    shown = json.loads(qbench("show", "--json", "-").stdout)
    assert {**shown, "cells": None} == {**document, "cells": None}
    assert (shown["resumes"], shown["interrupted"]) == (first.name, False)
    cells = {cell["id"]: cell for cell in shown["cells"]}
    assert len(cells) == len(document["cells"]) == CELLS and all(
        cell["latency_ms"] for cell in cells.values()
    )
    assert all(cell["speedup"] for cell in cells.values())
    ours = launches_by_cell(models / "results" / second)
    assert {id.split("/")[0] for id in ours} == {"two"} and len(ours) == CELLS // 2
    for id in cells.keys() - ours.keys():
        assert {key for key in alone[id] if cells[id][key] != alone[id][key]} == set(), alone[id]
    for id in ours:
        assert cells[id]["latency_ms"]["launches"] == before[id] + ours[id]

    assert f"run {first.name}, and what it lacked: {second}" in " ".join(qbench("show").stdout.split())
    listed = json.loads(qbench("list", "--json", "-").stdout)["runs"]
    assert [run["resumes"] for run in listed] == [first.name, None]
    assert listed[0]["tags"] == {"why": "rest"}
    assert f"resumes {first.name[:15]}" in qbench("list").stdout
    exported = json.loads((models / "results" / second / "run.json").read_text())
    assert (exported["run_id"], exported["resumes"], len(exported["cells"])) == (
        second,
        first.name,
        CELLS // 2,
    )

    again = qbench("run", "--resume", first.name)
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == (
        f"qbench: run {first.name} has been resumed by {second}: going on from there\n"
        f"qbench: run {second} lacks nothing\n"
    )
    complete = json.loads(qbench("run", "--resume", second, "--quiet", "--json", "-").stdout)
    assert complete["run_id"] == document["run_id"] and len(complete["cells"]) == CELLS
    nothing = json.loads(qbench("run", "--resume", second, "--dry-run", "--json", "-").stdout)
    assert (nothing["resumes"], nothing["cells"], nothing["seconds"]) == (second, [], 0)


def test_what_has_changed_is_refused(qbench, cut_short, models, tmp_path):
    """Another option, model, machine or runtime; and nothing is left in the store."""
    first = cut_short(signal.SIGKILL, "one")
    resume = ("run", "--resume", "latest", "--quiet")
    for more, complaint in (
        (("--budget", "2"), f"--budget 2.0: run {first.name} was measured with --budget 0.5; leave it out"),
        (("--variant", "a"), f"--variant a: run {first.name} was measured without; leave it out"),
        (("--against", "other"), f"--against other: run {first.name} was measured without; leave it out"),
    ):
        done = qbench(*resume, *more)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"qbench: {complaint}")

    (models / "devices.toml").write_text(
        f'[devices.cpu]\ndelegates = ["cpu"]\nruntime = "tensorflow"\npython = "{sys.executable}"\n'
        '[devices.xnnpack]\ndelegates = ["xnnpack"]\n'
    )
    done = qbench(*resume)
    assert done.returncode == 2 and "cpu runtime: ai-edge-litert and tensorflow" in done.stderr
    (models / "devices.toml").unlink()

    file = models / "two" / "b.tflite"
    content = file.read_bytes()
    file.write_bytes(dense_model(seed=9, inputs=1024, outputs=1024))
    done = qbench(*resume)
    assert done.returncode == 2 and "something has changed: two b: another file (sha256 " in done.stderr
    file.unlink()
    done = qbench(*resume)
    assert done.returncode == 2 and "there is no longer two b/cpu@cpu, two b/xnnpack@xnnpack" in done.stderr
    file.write_bytes(content)
    assert [folder.name for folder in (models / "results").glob("2*")] == [first.name]


def test_a_run_that_is_being_measured_can_not_be_resumed(qbench, models, cache):
    process = subprocess.Popen(
        [*COMMAND, *LONG],
        cwd=models,
        env=environment(cache),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    folder = wait_for_launches(models / "results", 1)
    done = qbench("run", "--resume", "latest")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"qbench: run {folder.name} is still being measured; wait until it has ended\n"


def test_what_is_still_missing_is_said_and_nothing_is_stored(qbench, twins, tmp_path):
    """The cell is tried again each time, but not if nothing else is to be measured."""
    (tmp_path / "devices.toml").write_text(
        '[devices.here]\ndelegates = ["cpu", { name = "external", library = "/no/library.so" }]\n'
    )
    arguments = ("--model", twins, "--budget", "0.02", "--quiet")
    assert qbench("run", *arguments).returncode == 3
    again = qbench("run", "--resume", "latest")
    assert (again.returncode, again.stdout) == (3, "")
    assert "lacks can't be measured now, either: " in again.stderr and "/no/library.so" in again.stderr
    assert len(list((tmp_path / "results").glob("2*"))) == 1


def test_a_board_that_still_can_not_be_reached_is_code_4(qbench, twins, tmp_path):
    (tmp_path / "devices.toml").write_text(
        '[devices.here]\ndelegates = ["cpu"]\n[devices.board]\nplace = "ssh"\nhost = "127.0.0.1"\nport = 1\n'
    )
    devices = ("--device", "here", "--device", "board")
    first = qbench("run", "--model", twins, *devices, "--budget", "0.02", "--quiet")
    assert first.returncode == 4
    for more in ((), ("--dry-run",)):
        again = qbench("run", "--resume", "latest", *more)
        assert (again.returncode, again.stdout) == (4, "")
        assert "lacks can't be measured now, either: 127.0.0.1: " in again.stderr


def test_a_run_that_did_not_record_its_options_is_resumed_with_those_given(qbench, cut_short, models):
    first = cut_short(signal.SIGKILL, "two")
    record = first / "events.jsonl"
    header, _, rest = record.read_text().partition("\n")
    started = json.loads(header)
    del started["header"]["options"], started["header"]["resumes"]
    record.write_text(f"{json.dumps(started)}\n{rest}")
    done = qbench("run", "--resume", "latest", "--quiet")
    assert done.returncode == 2
    assert "repeat them after --resume: --model one --model two --device cpu --device xnnpack" in done.stderr
    done = qbench(*LONG, "--resume", "latest", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert all(cell["speedup"] for cell in json.loads(done.stdout)["cells"])
