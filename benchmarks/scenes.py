"""What else happens on the machine while something is measured: nothing, a neighbour, a growing load."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import time
from collections.abc import Iterator

from delegates.probe.machine import die_with_parent

GROWS_S = 10.0  # the drift goes from an idle to a fully loaded machine in this time, again and again
SLICE_S = 0.02


def busy(until: float) -> None:
    while time.monotonic() < until:
        pass


def start(cpus: set[int]) -> None:
    die_with_parent()  # a benchmark that is killed leaves no load behind
    os.sched_setaffinity(0, cpus)


def burst(cpus: set[int], seed: int) -> None:
    """Random bursts of 0.05 to 2 s of work and pauses of the same length."""
    start(cpus)
    rng = random.Random(seed)
    while True:
        busy(time.monotonic() + rng.uniform(0.05, 2.0))
        time.sleep(rng.uniform(0.05, 2.0))


def grow(cpus: set[int], seed: int) -> None:
    """A duty cycle that grows from 0 to 1 and starts again."""
    start(cpus)
    while True:
        duty = (time.monotonic() % GROWS_S) / GROWS_S
        busy(time.monotonic() + duty * SLICE_S)
        time.sleep((1 - duty) * SLICE_S)


@contextlib.contextmanager
def scene(name: str, seed: int = 0) -> Iterator[None]:
    """Run the load called `name` (quiet, neighbour, drift) for as long as the block lasts."""
    every = sorted(os.sched_getaffinity(0))
    loads = {
        "quiet": [],
        # One process moves on one core alone, the other works on all of them at random.
        "neighbour": [(burst, {every[-1]}), (burst, set(every))],
        "drift": [(grow, {cpu}) for cpu in every],
    }[name]
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=target, args=(cpus, seed + i), daemon=True)
        for i, (target, cpus) in enumerate(loads)
    ]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()
