"""Timing: warm-up and blocks of single inferences, in nanoseconds."""

from __future__ import annotations

import gc
from time import perf_counter_ns
from typing import Any, Callable, List, Tuple


def timed(call: Callable[[], Any]) -> Tuple[int, Any]:
    """How long one call took, and what it returned."""
    start = perf_counter_ns()
    result = call()
    return perf_counter_ns() - start, result


def block(invoke: Callable[[], Any], calls: int, limit_ns: int) -> List[int]:
    """The times of up to `calls` inferences in a row; no new one is begun after `limit_ns`.

    At least one is timed. The garbage collector is off, so that it can't fall into a sample.
    """
    samples: List[int] = []
    enabled = gc.isenabled()
    gc.disable()
    try:
        end = perf_counter_ns() + limit_ns
        while True:
            start = perf_counter_ns()
            invoke()
            now = perf_counter_ns()
            samples.append(now - start)
            if len(samples) >= calls or now >= end:
                return samples
    finally:
        if enabled:
            gc.enable()
