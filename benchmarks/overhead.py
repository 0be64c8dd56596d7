"""What timing costs: one timed call against a bare loop, and the conductor beside a worker.

    python benchmarks/overhead.py SMALLEST.tflite [MODEL.tflite]

MODEL, for the conductor, should be slow enough to be timed for seconds; without it the first model is used.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

from delegates.agent import planning, timing
from delegates.agent.conductor import Group
from delegates.agent.running import RunningLaunch
from delegates.agent.workers import Workers
from delegates.backends import registry
from delegates.backends.runtime import open_runtime
from delegates.wire import Job, Request
from harness.devices.transports import bundle

CALLS, LOOPS = 100, 3000
FEW, MANY = 20, 400  # blocks
LEAST_TURNS = 20  # between the two, to tell


def timed_against_bare(model: str) -> float:
    """How much longer an inference seems when timed, in percent: the quietest of many short loops of each."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    interpreter = registry.find("xnnpack").open(open_runtime("auto"), model, 1, {})
    interpreter.allocate()
    invoke = interpreter.invoke
    timed, bare = [], []
    for _ in range(LOOPS):
        timed.append(statistics.fmean(timing.block(invoke, CALLS, 10**12)))
        start = time.perf_counter_ns()
        for _ in range(CALLS):
            invoke()
        bare.append((time.perf_counter_ns() - start) / CALLS)
    os.sched_setaffinity(0, allowed)
    return 100 * (min(timed) / min(bare) - 1)


def conductor_beside_worker(model: str) -> str:
    """Say how much CPU time the conductor takes while a worker is timed.

    It is the difference between a launch of many blocks and one of few, so that starting and ending a worker
    do not count.
    """
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "bundle.pyz"
        program.write_bytes(bundle.build().data)
        (few_s, few_cpu_s, few), (many_s, many_cpu_s, many) = (
            launched(program, model, blocks) for blocks in (FEW, MANY)
        )
    if many < few + LEAST_TURNS:
        return "over too soon to tell; name a slower model"
    cpu_s = many_cpu_s - few_cpu_s
    return f"{100 * cpu_s / (many_s - few_s):.2f} % of a core, {1e6 * cpu_s / (many - few):.0f} us a turn"


def launched(program: Path, model: str, blocks: int) -> tuple[float, float, int]:
    """Return wall and CPU seconds of the conductor, here in this process, for one launch, and its turns."""
    job = Job("job", "g", model, None, "xnnpack", "auto", sys.executable)
    turns = 0

    def counted(launch: RunningLaunch, blocks: int, budget_ns: float) -> None:
        nonlocal turns
        turns += 1
        take_turn(launch, blocks, budget_ns)

    take_turn = RunningLaunch.take_turn
    request = Request("run", [job], budget_s=1000, min_launches=1, max_launches=1)
    group = Group([job], request, Workers([str(program)]), lambda message: None)
    with (
        mock.patch.object(planning, "FIRST_BLOCKS", blocks),
        mock.patch.object(RunningLaunch, "take_turn", counted),
    ):
        started, before = time.monotonic(), time.process_time()
        group.run(threading.Event())
        return time.monotonic() - started, time.process_time() - before, turns


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("smallest", metavar="SMALLEST.tflite")
    parser.add_argument("model", metavar="MODEL.tflite", nargs="?", help="for the conductor: a slower one")
    asked = parser.parse_args()
    print(f"one timed call against a bare loop, smallest model: {timed_against_bare(asked.smallest):+.1f} %")
    print(f"conductor while a worker is timed: {conductor_beside_worker(asked.model or asked.smallest)}")


if __name__ == "__main__":
    main()
