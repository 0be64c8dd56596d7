"""What timing costs: one timed call against a bare loop, and the conductor beside a worker.

python benchmarks/overhead.py SMALLEST.tflite [MODEL.tflite]   (the second: for the conductor)
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

from delegates import machine, timing
from delegates.registry import DELEGATES
from delegates.runtime import open_runtime
from delegates.wire import Job, Measurement, Progress, Request
from harness.runners import bundle
from harness.runners.local import LocalRunner

CALLS, LOOPS = 100, 3000


def timed_against_bare(model: str) -> float:
    """How much longer an inference seems when timed, in percent: the quietest of many short loops of each."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    session = DELEGATES["xnnpack"].open(open_runtime("auto"), model, 1, {})
    session.allocate()
    invoke = session.invoke
    timed, bare = [], []
    for _ in range(LOOPS):
        timed.append(statistics.fmean(timing.block(invoke, CALLS, 10**12)))
        start = time.perf_counter_ns()
        for _ in range(CALLS):
            invoke()
        bare.append((time.perf_counter_ns() - start) / CALLS)
    os.sched_setaffinity(0, allowed)
    return 100 * (min(timed) / min(bare) - 1)


def conductor_beside_worker(model: str) -> tuple[float, float]:
    """Share of a core and MB of memory of the conductor while one worker is timed."""
    runner = LocalRunner(bundle.build(), print)
    job = Job("job", "g", model, None, "xnnpack", "auto", sys.executable)
    request = Request("run", [job], budget_s=30, min_launches=1, max_launches=1)
    conversation = runner.ask(request)
    pid, first, last = conversation.pid, None, None
    for message in conversation:
        if isinstance(message, Progress):
            last = (time.monotonic(), cpu_s(pid))
            first = first or last
        if isinstance(message, Measurement):
            break
        memory = machine.proc_kib(f"/proc/{pid}/status", "VmHWM") or 0
    conversation.close()
    return 100 * (last[1] - first[1]) / (last[0] - first[0]), memory / 1024


def cpu_s(pid: int) -> float:
    """Of all its threads; schedstat counts in ns, where stat counts in ticks of 10 ms."""
    return (
        sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    )


def main() -> None:
    model = sys.argv[1]
    print(f"one timed call against a bare loop, smallest model: {timed_against_bare(model):+.1f} %")
    share, memory = conductor_beside_worker(sys.argv[2] if len(sys.argv) > 2 else model)
    print(f"conductor while a worker is timed: {share:.2f} % of a core, {memory:.0f} MB")


if __name__ == "__main__":
    main()
