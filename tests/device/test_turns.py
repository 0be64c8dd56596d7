"""Who is alive beside whom: compared jobs together, exclusive ones alone, and no more than fit the memory."""

from __future__ import annotations

import threading

import pytest

from delegates.agent import conductor
from delegates.agent.conductor import Group
from delegates.agent.workers import Workers
from delegates.wire import Launch
from harness.devices.transports import bundle
from tests.device.conftest import answers, job, run
from tests.device.test_hostile import MARK, worker_pid
from tests.models import dense_model


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "dense.tflite"
    path.write_bytes(dense_model(seed=1, inputs=2048, outputs=2048))
    return path


def seen_together(runner, request, names):
    """Which of the named workers were ever alive at the same moment, and the answers."""
    together, done = set(), threading.Event()

    def watch():
        while not done.is_set():
            alive = frozenset(name for name in names if is_alive(name))
            together.add(alive)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        messages = answers(runner, request)
    finally:
        done.set()
        watcher.join()
    return together, messages


def is_alive(name):
    try:
        worker_pid(name)
    except LookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.alone
def test_exclusive_jobs_open_and_close_around_their_turn(runner, slow):
    names = ["shared a", "shared b", "alone a", "alone b"]
    jobs = [job(slow, id=n, env={MARK: n}, exclusive=n.startswith("alone")) for n in names]
    together, messages = seen_together(runner, run(jobs, budget_s=2, launches=2), names)
    assert frozenset(names[:2]) in together
    assert all(len(alive) == 1 for alive in together if alive & set(names[2:]))
    found = [(m.job, m.launch) for m in messages if isinstance(m, Launch)]
    assert sorted(found) == sorted((name, launch) for name in names for launch in (0, 1))


def test_little_memory_means_batches_that_all_have_the_baseline(monkeypatch, slow, tmp_path):
    """Only the free memory is made up: it holds two workers, as if the machine were small."""
    monkeypatch.setattr(conductor, "available_memory_bytes", lambda: 400_000_000)
    names = ["base", "a", "b", "c"]
    (tmp_path / "bundle.pyz").write_bytes(bundle.build().data)
    workers = Workers([str(tmp_path / "bundle.pyz")])
    jobs = [job(slow, id=n, baseline=n == "base", env={MARK: n}) for n in names]
    found = []
    Group(jobs, run(jobs, budget_s=0.02, launches=1), workers, found.append).run(threading.Event())
    assert sorted(m.job for m in found if isinstance(m, Launch)) == ["a", "b", "base", "base", "base", "c"]


@pytest.mark.slow
@pytest.mark.alone
def test_long_inferences_carry_the_time_the_process_had_itself(runner, slow, nets):
    long = nets / "slow.tflite"
    jobs = [job(slow, id="short"), job(long, id="long"), job(long, id="two threads", threads=2)]
    found = {m.job: m for m in answers(runner, run(jobs, budget_s=2, launches=1)) if isinstance(m, Launch)}
    assert [len(block) for block in found["long"].cpu_time_ns] == [
        len(block) for block in found["long"].blocks_ns
    ]
    own, wall = min(map(min, found["long"].cpu_time_ns)), min(map(min, found["long"].blocks_ns))
    assert wall / 4 < own < wall * 1.1  # on a busy machine it had less than passed, never more
    assert found["two threads"].cpu_time_ns == []


@pytest.mark.parametrize("exclusive", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_pair_has_the_same_launches_even_in_several_batches(monkeypatch, slow, tmp_path, exclusive):
    monkeypatch.setattr(conductor, "available_memory_bytes", lambda: 400_000_000)
    (tmp_path / "bundle.pyz").write_bytes(bundle.build().data)
    workers = Workers([str(tmp_path / "bundle.pyz")])
    pairs = {"A": "a", "B": "b"}
    jobs = [job(slow, id=n, baseline=n == "A", pair=pairs.get(n), exclusive=exclusive) for n in "ABab"]
    found = []
    request = run(jobs, budget_s=0.2, launches=2)
    Group(jobs, request, workers, found.append).run(threading.Event())
    numbers = {n: [m.launch for m in found if isinstance(m, Launch) and m.job == n] for n in "ABab"}
    assert numbers["A"] == numbers["a"] and numbers["B"] == numbers["b"]
    assert len(numbers["B"]) >= 2 and set(numbers["B"]) <= set(numbers["A"])
