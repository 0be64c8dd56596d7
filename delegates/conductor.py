"""The conductor: lets the workers of the cells that are compared take turns in short blocks.

On a shared machine two measurements made one after the other differ by more than what is to be
measured. So all jobs of a group run side by side, one block each in turn, forwards and then backwards,
and everything is done again in fresh processes several times.
"""

from __future__ import annotations

import threading
import time
from typing import Callable, Dict, List, Sequence, Set

from .launch import Launch
from .machine import available_memory_bytes
from .process import Lost
from .wire import Job, Message, Progress

# A worker with a small model takes about 50 MB; with a large one, some times its file.
_WORKER_BYTES = 150_000_000
_PROGRESS_S = 0.2
_WARM_UP_NS = 250_000_000

Emit = Callable[[Message], None]


class Group:
    """The jobs that are compared with each other, and how far they are."""

    def __init__(
        self, jobs: Sequence[Job], launches: int, budget_s: float, worker_arguments: Sequence[str], emit: Emit
    ) -> None:
        self.jobs = list(jobs)
        self.launches, self.budget_ns = launches, budget_s * 1e9
        self.worker_arguments, self.emit = list(worker_arguments), emit
        self.spent_ns: Dict[str, int] = {job.id: 0 for job in jobs}
        self.lost: Set[str] = set()
        self._alive: List[Launch] = []
        self._said = 0.0

    def run(self, stopped: threading.Event) -> None:
        """All launches of all jobs; what each brought back is emitted as soon as it has ended."""
        for number in range(self.launches):
            for batch in self.batches():
                if not stopped.is_set():
                    self.launch(number, batch, stopped)

    def kill(self) -> None:
        """From another thread: end the workers now, whatever they do."""
        for launch in list(self._alive):
            launch.kill()

    def batches(self) -> List[List[Job]]:
        """The jobs that want more, as many at once as the free memory holds."""
        left = [
            job for job in self.jobs if job.id not in self.lost and self.spent_ns[job.id] < self.budget_ns
        ]
        free = available_memory_bytes()
        size = len(left) if free is None else max(2, int(free * 0.8 / _WORKER_BYTES))
        return [left[i : i + size] for i in range(0, len(left), size)]

    def launch(self, number: int, jobs: Sequence[Job], stopped: threading.Event) -> None:
        """One fresh worker per job, each getting its share of the budget in turns."""
        launches = self._alive = [Launch(job, number) for job in jobs]
        share_ns = self.budget_ns / self.launches

        def each(step: Callable[[Launch], None]) -> None:
            for launch in launches:
                if launch.lost is None and not stopped.is_set():
                    try:
                        step(launch)
                    except Lost as lost:
                        launch.lost = lost

        def take_turn(launch: Launch) -> None:
            if launch.wants_more(share_ns):
                launch.block()
                self._tell(launches)

        try:
            each(lambda launch: launch.start(self.worker_arguments))
            each(lambda launch: launch.open(min(share_ns / 4, _WARM_UP_NS), with_outputs=number == 0))
            while not stopped.is_set() and any(launch.wants_more(share_ns) for launch in launches):
                each(take_turn)
                launches.reverse()
        finally:
            for launch in launches:
                launch.close()
        self._report(launches, stopped)

    def _report(self, launches: Sequence[Launch], stopped: threading.Event) -> None:
        for launch in launches:
            self.spent_ns[launch.job.id] += launch.spent_ns
            if launch.blocks:
                self.emit(launch.measurement())
            # A worker killed because we were told to stop has not failed.
            if launch.lost is not None and not stopped.is_set():
                self.lost.add(launch.job.id)
                self.emit(launch.refusal())

    def _tell(self, launches: Sequence[Launch]) -> None:
        now = time.monotonic()
        if now - self._said >= _PROGRESS_S:
            self._said = now
            done_ns = sum(self.spent_ns.values()) + sum(launch.spent_ns for launch in launches)
            self.emit(Progress(self.jobs[0].group, done_ns / 1e9, self.budget_ns * len(self.jobs) / 1e9))
