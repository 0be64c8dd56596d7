"""Workers that are forked from a launcher: as good as fresh processes, and they end as those do."""

from __future__ import annotations

import os
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from delegates.agent.workers import LAUNCHES_PER_LAUNCHER, may_fork
from delegates.backends import registry
from delegates.wire import Failure, Job, Launch, Progress
from harness.devices.transports import bundle
from tests.conftest import STANDINS
from tests.device.conftest import RUNTIMES, answers, job, run
from tests.device.test_hostile import MARK, worker_pid

# What goes wrong in a worker, and how long its answer may take, in s.
ENDS = {"segv": 60.0, "abort": 60.0, "exits": 60.0, "leaves": 60.0, "raises": 60.0, "hangs": 2.0}


@pytest.fixture
def program(tmp_path) -> str:
    path = tmp_path / "bundle.pyz"
    path.write_bytes(bundle.build().data)
    return str(path)


def standin(folder: Path, name: str, **changes) -> Job:
    """A job for the stand-in runtime, whose model does what it is called."""
    env = {"PYTHONPATH": str(STANDINS / "runtime"), **changes.pop("env", {})}
    return job(folder / f"{name}.tflite", env=env, **{"id": name, **changes})


def measured(messages: list, name: str) -> list[Launch]:
    return [m for m in messages if isinstance(m, Launch) and m.job == name]


def launcher_pid(name: str) -> int:
    """The launcher of the job called `name`."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            mine = f"{MARK}={name}".encode() in (folder / "environ").read_bytes().split(b"\0")
            if mine and (folder / "oom_score_adj").read_text() != "1000\n":
                return int(folder.name)
        except OSError:
            continue
    raise LookupError(name)


def is_gone(pid: int) -> bool:
    """Whether a process ends within five seconds."""
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_launchers_are_renewed_after_a_few_launches(runner, nets, runtime):
    dense = nets / "dense.tflite"
    jobs = [job(dense, id=name, delegate=name, runtime=runtime) for name in ("cpu", "xnnpack")]
    messages = answers(runner, run(jobs, budget_s=0.5, launches=LAUNCHES_PER_LAUNCHER + 2))
    first, second = 0, LAUNCHES_PER_LAUNCHER
    for name in ("cpu", "xnnpack"):
        numbers = [launch.launcher for launch in measured(messages, name)]
        assert numbers == [first] * LAUNCHES_PER_LAUNCHER + [second] * 2


def test_only_what_touches_no_hardware_is_forked(nets):
    assert [name for name in registry.names() if registry.find(name).forks] == ["cpu", "xnnpack"]
    assert not may_fork(job(nets / "dense.tflite", exclusive=True))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_forked_worker_needs_as_much_memory_as_a_fresh_one(runner, nets, runtime):
    jobs = [
        job(nets / "resnet.tflite", id=kind, runtime=runtime, exclusive=kind == "fresh")
        for kind in ("forked", "fresh")
    ]
    messages = answers(runner, run(jobs, budget_s=0.02, launches=1))
    (forked,), (fresh,) = (measured(messages, kind) for kind in ("forked", "fresh"))
    assert (forked.launcher, fresh.launcher) == (0, None)
    assert forked.peak_memory_bytes == pytest.approx(fresh.peak_memory_bytes, rel=0.05)


def test_forked_workers_end_as_fresh_ones(runner, tmp_path):
    """Same stage, reason, signal and last words, each its own; what they had measured is kept."""
    jobs = [
        standin(tmp_path, how, id=f"{kind} {how}", exclusive=kind == "fresh", timeout_s=limit_s)
        for kind in ("forked", "fresh")
        for how, limit_s in ENDS.items()
    ]
    messages = answers(runner, run(jobs, budget_s=0.02, launches=1))
    failures = {m.job: m for m in messages if isinstance(m, Failure)}
    for how in ENDS:
        fresh, forked = failures[f"fresh {how}"], failures[f"forked {how}"]
        assert replace(forked, job=fresh.job) == fresh
        assert f"opened {how}\nending {how}\n" in forked.stderr
        assert [launch.launcher for launch in measured(messages, forked.job)] == [0]
        assert [launch.launcher for launch in measured(messages, fresh.job)] == [None]
    assert {how: failures[f"forked {how}"].signal for how in ("segv", "abort")} == {
        "segv": "SIGSEGV",
        "abort": "SIGABRT",
    }


@pytest.mark.parametrize("wrong", ["thread", "raises", "segv", "hangs"])
def test_a_runtime_that_cannot_be_forked_gets_fresh_processes(runner, tmp_path, wrong):
    """Either they work, as with a runtime that starts threads; or they say what is wrong with it."""
    timeout_s = 2.0 if wrong == "hangs" else 60.0
    jobs = [standin(tmp_path, "fine", env={"STANDIN_IMPORT": wrong}, timeout_s=timeout_s)]
    messages = answers(runner, run(jobs, budget_s=0.5, launches=2))
    assert [launch.launcher for launch in measured(messages, "fine")] == [None] * 2 * (wrong == "thread")
    said = {
        "raises": "ai-edge-litert does not import: no such thing",
        "segv": "the worker was killed by SIGSEGV while importing the runtime",
        "hangs": "no answer for 2 s while importing the runtime",
    }
    assert [m.reason for m in messages if isinstance(m, Failure)] == [said[w] for w in said if w == wrong]


def test_what_a_worker_has_started_ends_with_it(runner, tmp_path):
    messages = answers(runner, run([standin(tmp_path, "parent")], budget_s=0.02, launches=1))
    assert [launch.launcher for launch in measured(messages, "parent")] == [0]
    assert is_gone(int((tmp_path / "child").read_text()))


def test_a_launcher_that_is_killed_is_replaced_and_its_workers_go_on(runner, tmp_path):
    wanted = standin(tmp_path, "fine", env={MARK: "fine"})
    connection = runner.start(run([wanted], budget_s=3, launches=5))
    messages, killed = [], False
    for message in connection:
        messages.append(message)
        if isinstance(message, Progress) and not killed:
            os.kill(launcher_pid("fine"), signal.SIGKILL)
            killed = True
    assert connection.close() is None
    assert not [m for m in messages if isinstance(m, Failure)]
    numbers = [launch.launcher for launch in measured(messages, "fine")]
    assert numbers[0] == 0 and None in numbers and numbers[-1] == numbers.index(None) + 1


def test_workers_go_first_when_memory_runs_out_and_all_die_with_the_conductor(runner, tmp_path):
    connection = runner.start(run([standin(tmp_path, "fine", env={MARK: "fine"})], budget_s=60, launches=1))
    for message in connection:
        if isinstance(message, Progress):
            break
    worker, launcher, conductor = worker_pid("fine"), launcher_pid("fine"), connection._process.pid
    scores = [Path(f"/proc/{pid}/oom_score_adj").read_text() for pid in (launcher, conductor)]
    assert scores[0] == scores[1]
    os.kill(conductor, signal.SIGKILL)
    assert "SIGKILL" in connection.close()
    assert is_gone(worker) and is_gone(launcher)


def test_more_workers_than_may_be_open_are_launched_in_batches(runner, tmp_path):
    """They would need 72 descriptors, and the rest of the conductor some more."""
    jobs = [standin(tmp_path, "fine", id=str(number)) for number in range(24)]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (80, limits[1]))
    try:
        connection = runner.start(run(jobs, budget_s=0.02, launches=1))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    messages = list(connection)
    assert connection.close() is None
    assert [m.reason for m in messages if isinstance(m, Failure)] == []
    launches = [m for m in messages if isinstance(m, Launch)]
    assert {launch.job for launch in launches} == {job.id for job in jobs}
    assert len({launch.launch for launch in launches}) > 1
