"""Evaluate a group's jobs on their dataset, once all of them have been timed.

All of them see the same samples in the same order, each in a new worker, one job after the other. A job that
is quick evaluates all samples. A slow one stops once the interval of its drop is as narrow as asked; the
reference goes as far as the others do, so that each of their samples has one of the reference's to be paired
with.
"""

from __future__ import annotations

import base64
import math
import sys
import threading
import time
from array import array
from time import perf_counter_ns
from typing import Callable, Dict, List, Optional, Sequence

from ..wire import CLASSES, OUTPUTS, Evaluated, Job, Message, Output, Progress
from .link import WorkerLost
from .running import RunningLaunch
from .workers import Workers

QUICK_NS = 2_000_000_000  # what needs no longer is evaluated whole
LONGEST_NS = 300_000_000_000  # unless all samples were asked for
LEAST_SAMPLES = 100  # before the width of an interval is believed
_PART_NS = 200_000_000
_PART_SAMPLES = 1024
_PROGRESS_S = 0.5
_Z = 1.959964

Emit = Callable[[Message], None]


class Evaluating:
    """The evaluations of a group's jobs. Each part is emitted when it is done."""

    def __init__(self, workers: Workers, emit: Emit, stopped: threading.Event, number: int) -> None:
        """number: of the launches that the workers count as."""
        self._workers, self._emit, self._stopped, self._number = workers, emit, stopped, number
        self._alive: List[Evaluator] = []
        self._told_at = 0.0

    def evaluate(self, jobs: Sequence[Job]) -> None:
        """Evaluate the jobs that are to be."""
        alike: Dict[str, List[Job]] = {}
        for job in jobs:
            if job.evaluation is not None:
                alike.setdefault(job.evaluation.against, []).append(job)
        for id, those in alike.items():
            if not self._stopped.is_set():
                self._evaluate_all(those, next((job for job in jobs if job.id == id), None))

    def _evaluate_all(self, jobs: Sequence[Job], reference: Optional[Job]) -> None:
        """Evaluate jobs whose outputs are compared with the reference's, and the reference."""
        against = None if reference is None else self._opened(reference)
        try:
            for job in jobs:
                if job is not reference and not self._stopped.is_set():
                    self._evaluate(job, against)
            if against is not None:
                self._extend(against, against)
        finally:
            if against is not None:
                self._close(against)

    def kill(self) -> None:
        """Kill the workers. Thread-safe."""
        for one in list(self._alive):
            one.kill()

    def _evaluate(self, job: Job, against: Optional[Evaluator]) -> None:
        one = self._opened(job)
        try:
            self._extend(one, against)
        finally:
            self._close(one)

    def _opened(self, job: Job) -> Evaluator:
        one = Evaluator(job, self._number)
        self._alive.append(one)
        one.open(self._workers)
        return one

    def _extend(self, one: Evaluator, against: Optional[Evaluator]) -> None:
        """Evaluate samples of a job until it has enough, and as many of the reference."""
        while one.wants_more(against) and not self._stopped.is_set():
            self._part(one, _PART_SAMPLES)
            while (
                against is not None
                and against.lost is None
                and against.samples < one.samples
                and not self._stopped.is_set()
            ):
                self._part(against, one.samples - against.samples)

    def _part(self, one: Evaluator, most: int) -> None:
        found = one.take_part(most)
        if found is not None:
            self._emit(found)
        now = time.monotonic()
        if now - self._told_at >= _PROGRESS_S:
            self._told_at = now
            self._emit(Progress(one.job.group, 0.0, 0.0, one.progress()))

    def _close(self, one: Evaluator) -> None:
        one.close()
        self._alive.remove(one)
        if one.lost is not None and not self._stopped.is_set():
            self._emit(one.failure())


class Evaluator:
    """A worker that evaluates one job. `lost`: why it does not any more."""

    def __init__(self, job: Job, number: int) -> None:
        self.job, self.samples = job, 0
        self._launch = RunningLaunch(job, number)
        self._kept = array("f")  # one value per sample: its class or error
        self._spent_ns = 0

    @property
    def lost(self) -> Optional[WorkerLost]:
        """Why the worker was lost; None if it was not."""
        return self._launch.lost

    def open(self, workers: Workers) -> None:
        """Start the worker and load the model."""
        try:
            workers.prepare([self.job], self._launch.number)
            self._launch.load(workers)
        except WorkerLost as lost:
            self._launch.lost = lost

    def take_part(self, most: int) -> Optional[Evaluated]:
        """Evaluate at most so many samples; None if the worker was lost."""
        assert self.job.evaluation is not None
        started, first = perf_counter_ns(), self.samples
        try:
            part = self._launch.evaluate(min(most, self.job.evaluation.samples - first), _PART_NS)
        except WorkerLost as lost:
            self._launch.lost = lost
            return None
        self._spent_ns += perf_counter_ns() - started
        self.samples += part.samples
        if self.job.evaluation.keep != OUTPUTS:
            self._kept.extend(_first_column(part.outputs[0]))
        return Evaluated(self.job.id, first, self.job.evaluation.keep, part.outputs)

    def wants_more(self, against: Optional[Evaluator]) -> bool:
        """Return whether another part is to be evaluated. against: the reference, if there is one."""
        asked = self.job.evaluation
        if asked is None or self.lost is not None or self.samples >= asked.samples:
            return False
        if not asked.precision or self._spent_ns < QUICK_NS:
            return True
        if self._spent_ns >= LONGEST_NS:
            return False
        return against is None or self.half_width(against) > asked.precision

    def half_width(self, against: Evaluator) -> float:
        """Return about half the width that the drop's interval will have; infinite if that can't be told.

        Of classes, at most: which of two different ones is right is known at home only. Of errors, as a part
        of the reference's. Source: docs/statistics.md, "Accuracy".
        """
        count = min(self.samples, against.samples)
        if count < LEAST_SAMPLES or not self._kept:
            return math.inf
        pairs = list(zip(self._kept[:count], against._kept[:count]))
        if self.job.evaluation and self.job.evaluation.keep == CLASSES:
            differing = sum(mine != theirs for mine, theirs in pairs)
            return _Z * math.sqrt(differing + _Z**2) / (count + _Z**2)
        mean = math.fsum(theirs for _, theirs in pairs) / count
        if not mean > 0:  # NaN
            return math.inf
        off = [mine - theirs for mine, theirs in pairs]
        middle = math.fsum(off) / count
        return _Z * math.sqrt(math.fsum((one - middle) ** 2 for one in off)) / count / mean

    def progress(self) -> str:
        """Return how far it is, in words."""
        total = self.job.evaluation.samples if self.job.evaluation else 0
        return "%s: %d of %d samples" % (self.job.id, self.samples, total)

    def failure(self) -> Message:
        """Return why the worker was lost."""
        return self._launch.failure()

    def close(self) -> None:
        """End the worker, and wait for it."""
        self._launch.end()
        self._launch.close()

    def kill(self) -> None:
        """Kill the worker. Thread-safe."""
        self._launch.kill()


def _first_column(output: Output) -> array[float]:
    """Return the first value that was kept of each sample."""
    values = array("f", base64.b64decode(output.data))
    if sys.byteorder == "big":
        values.byteswap()
    return values[:: max(1, len(values) // output.shape[0])]
