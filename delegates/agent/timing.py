"""Time inferences: warm-up, and blocks of single inferences, in nanoseconds."""

from __future__ import annotations

import gc
from time import perf_counter_ns, process_time_ns
from typing import Any, Callable, List, Tuple

from ..stats import block_floor

_WARM_BLOCK_NS = 2_000_000
_WARM_BLOCK_CALLS = 500
_STILL_FASTER = 0.99


def timed(call: Callable[[], Any]) -> Tuple[int, Any]:
    """Return how long a call took, in ns, and its result."""
    start = perf_counter_ns()
    result = call()
    return perf_counter_ns() - start, result


def block(invoke: Callable[[], Any], calls: int, limit_ns: int) -> List[int]:
    """Return the times (ns) of up to `calls` inferences in a row, at least one.

    No inference is started after `limit_ns`. The garbage collector is off meanwhile.
    """
    samples: List[int] = []
    clock, keep = perf_counter_ns, samples.append  # looked up once, not for every sample
    enabled = gc.isenabled()
    gc.disable()
    try:
        end = clock() + limit_ns
        while True:
            start = clock()
            invoke()
            now = clock()
            keep(now - start)
            if len(samples) >= calls or now >= end:
                return samples
    finally:
        if enabled:
            gc.enable()


def block_with_cpu_time(invoke: Callable[[], Any], calls: int, limit_ns: int) -> Tuple[List[int], List[int]]:
    """Return times as `block` does, and the CPU time (ns) of this process during each inference.

    For single-threaded work on the CPU, the difference is the time that the core was given to others. The CPU
    clock is read by a system call, outside of what is timed.
    """
    samples: List[int] = []
    cpu_times: List[int] = []
    end = perf_counter_ns() + limit_ns
    while True:
        start = process_time_ns()
        samples += block(invoke, 1, 0)
        cpu_times.append(process_time_ns() - start)
        if len(samples) >= calls or perf_counter_ns() >= end:
            return samples, cpu_times


def warm_up(invoke: Callable[[], Any], limit_ns: int) -> Tuple[int, float]:
    """Run inferences until they stop getting faster. Returns how many, and how long one takes (ns).

    They have stopped once two blocks in a row, of 2 ms or one inference each, are at most 1 % faster than the
    fastest block before them, by their floors. No block is started after `limit_ns`.
    """
    end = perf_counter_ns() + limit_ns
    calls, best, steady = 0, float("inf"), 0
    while True:
        samples = block(invoke, _WARM_BLOCK_CALLS, _WARM_BLOCK_NS)
        calls += len(samples)
        floor = block_floor(samples)
        steady = 0 if floor < _STILL_FASTER * best else steady + 1
        best = min(best, floor)
        if steady >= 2 or perf_counter_ns() >= end:
            return calls, best


def timer_resolution_ns() -> float:
    """Return the step (ns) in which the clock moves, even if reading it takes longer; 1 if none shows.

    Differences between readings are multiples of that step, so they form groups that are one step apart.
    """
    readings = [perf_counter_ns() for _ in range(2000)]
    steps = sorted(after - before for before, after in zip(readings, readings[1:]))  # noqa: RUF007
    usual = [step for step in steps if step <= 3 * steps[len(steps) // 2]]
    groups: List[List[int]] = []
    for step in usual:
        if not groups or step - groups[-1][-1] > 2:  # scaling a counter to ns rounds by one
            groups.append([])
        groups[-1].append(step)
    centres = [sum(group) / len(group) for group in groups]
    apart = sorted(high - low for low, high in zip(centres, centres[1:]))  # noqa: RUF007
    return apart[len(apart) // 2] if apart else 1.0
