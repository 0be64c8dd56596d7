"""What timing costs: one timed call against a bare loop, and the conductor beside a worker.

    python benchmarks/overhead.py SMALLEST.tflite [MODEL.tflite]

MODEL, for the conductor, should be slow enough to be timed for seconds; without it the first model is used.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from delegates.agent import timing
from delegates.backends import registry
from delegates.backends.runtime import open_runtime
from delegates.probe import machine
from delegates.wire import Job, Launch, Progress, Request
from harness.devices.transports import bundle
from harness.devices.transports.local import LocalTransport

CALLS, LOOPS = 100, 3000


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


def conductor_beside_worker(model: str) -> tuple[float | None, float]:
    """Share of a core (None where it is over too soon to tell) and MB of memory of the conductor."""
    runner = LocalTransport(bundle.build(), print)
    job = Job("job", "g", model, None, "xnnpack", "auto", sys.executable)
    request = Request("run", [job], budget_s=30, min_launches=1, max_launches=1)
    connection = runner.start(request)
    pid, seen, memory = connection.pid, [], 0
    for message in connection:
        if isinstance(message, Progress):
            seen.append((time.monotonic(), cpu_s(pid)))
        if isinstance(message, Launch):
            break
        memory = machine.proc_kib(f"/proc/{pid}/status", "VmHWM") or memory
    connection.close()
    if len(seen) < 2:
        return None, memory / 1024
    (began, used_before), (ended, used) = seen[0], seen[-1]
    return 100 * (used - used_before) / (ended - began), memory / 1024


def cpu_s(pid: int) -> float:
    """Return the CPU time of all threads of a process, from schedstat (ns; stat counts ticks of 10 ms)."""
    return (
        sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("smallest", metavar="SMALLEST.tflite")
    parser.add_argument("model", metavar="MODEL.tflite", nargs="?", help="for the conductor: a slower one")
    asked = parser.parse_args()
    print(f"one timed call against a bare loop, smallest model: {timed_against_bare(asked.smallest):+.1f} %")
    share, memory = conductor_beside_worker(asked.model or asked.smallest)
    words = "over too soon to tell; name a slower model" if share is None else f"{share:.2f} % of a core"
    print(f"conductor while a worker is timed: {words}, {memory:.0f} MB")


if __name__ == "__main__":
    main()
