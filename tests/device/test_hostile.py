"""Workers that are killed, hang or flood stderr; a conductor that is told to stop or dies."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from delegates.wire import Done, Failure, Launch, Progress
from tests.device.conftest import answers, job, run
from tests.models import dense_model

MARK = "QBENCH_TEST_WORKER"


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "dense.tflite"
    path.write_bytes(dense_model(seed=1, inputs=2048, outputs=2048))  # a millisecond: time to interfere
    return path


def worker_pid(name: str) -> int:
    """The worker of the job called `name`. Its launcher has the same environment, but is not first to go."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            mine = f"{MARK}={name}".encode() in (folder / "environ").read_bytes().split(b"\0")
            if mine and (folder / "oom_score_adj").read_text() == "1000\n":
                return int(folder.name)
        except OSError:
            continue
    raise LookupError(name)


def pair(dense, **changes):
    return [
        job(dense, id="victim", env={MARK: "victim"}, **changes),
        job(dense, id="other", env={MARK: "other"}, **changes),
    ]


def send_when_timing(runner, request, number):
    """The request's answers; the victim gets the signal once timing has begun."""
    connection = runner.start(request)
    messages, sent = [], False
    for message in connection:
        messages.append(message)
        if isinstance(message, Progress) and not sent:
            os.kill(worker_pid("victim"), number)
            sent = True
    assert connection.close() is None
    return messages


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGILL"])
def test_a_killed_worker_loses_only_its_own_cell(runner, dense, name):
    request = run(pair(dense), budget_s=4, launches=2)
    messages = send_when_timing(runner, request, getattr(signal, name))
    (refusal,) = (m for m in messages if isinstance(m, Failure))
    assert (refusal.job, refusal.stage, refusal.signal) == ("victim", "crash", name)
    assert name in refusal.reason
    assert [m.launch for m in messages if isinstance(m, Launch) and m.job == "other"] == [0, 1]
    kept = [m for m in messages if isinstance(m, Launch) and m.job == "victim"]
    assert len(kept) == 1  # what it had measured in the launch it died in
    assert kept[0].blocks_ns


def test_a_hanging_worker_is_ended_and_named(runner, dense):
    request = run(pair(dense, timeout_s=1.0), budget_s=4, launches=2)
    messages = send_when_timing(runner, request, signal.SIGSTOP)
    (refusal,) = (m for m in messages if isinstance(m, Failure))
    assert (refusal.job, refusal.stage) == ("victim", "timeout")
    assert "1" in refusal.reason
    assert [m.launch for m in messages if isinstance(m, Launch) and m.job == "other"] == [0, 1]
    with pytest.raises(LookupError):
        worker_pid("victim")


def test_stopping_keeps_what_was_measured_and_leaves_no_process(runner, dense):
    connection = runner.start(run(pair(dense), budget_s=60, launches=1000))
    messages, turns = [], 0
    for message in connection:
        messages.append(message)
        turns += isinstance(message, Progress)
        if turns == 3:
            connection.stop()
    assert connection.close() is None
    assert isinstance(messages[-1], Done)
    assert messages[-1].interrupted
    assert {m.job for m in messages if isinstance(m, Launch)} == {"victim", "other"}
    assert not any(isinstance(m, Failure) for m in messages)
    for name in ("victim", "other"):
        with pytest.raises(LookupError):
            worker_pid(name)


def test_workers_die_with_a_killed_conductor(runner, dense):
    connection = runner.start(run(pair(dense), budget_s=60, launches=1000))
    for message in connection:
        if isinstance(message, Progress):
            os.kill(connection._process.pid, signal.SIGKILL)
            break
    assert "SIGKILL" in connection.close()
    deadline = time.monotonic() + 5
    alive = {"victim", "other"}
    while alive and time.monotonic() < deadline:
        for name in list(alive):
            try:
                worker_pid(name)
            except LookupError:
                alive.discard(name)
    assert not alive


def test_prints_and_c_output_do_not_spoil_the_channel(runner, dense, tmp_path):
    """A noisy module is imported before the runtime; it writes to both streams, from Python and from C."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "class Loud:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'ai_edge_litert':\n"
        "            print('hello from python')\n"
        "            os.write(1, b'{\"ready\": 1}\\n')\n"
        "            os.write(2, b'x' * 3_000_000)\n"
        "sys.meta_path.insert(0, Loud())\n"
    )
    env = {"PYTHONPATH": str(tmp_path)}
    messages = answers(runner, run([job(dense, env=env)], budget_s=0.02, launches=1))
    assert [m.job for m in messages if isinstance(m, Launch)] == ["job"]


def test_a_python_that_is_none_is_a_refusal(runner, dense):
    from dataclasses import replace

    jobs = [replace(job(dense), python="/nonexistent/python"), job(dense, id="good")]
    messages = answers(runner, run(jobs, budget_s=0.02, launches=1))
    (refusal,) = (m for m in messages if isinstance(m, Failure))
    assert refusal.stage == "runtime"
    assert "/nonexistent/python" in refusal.reason
    assert [m.job for m in messages if isinstance(m, Launch)] == ["good"]
