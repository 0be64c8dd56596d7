"""The conductor: lets the workers of the cells that are compared take turns in short blocks.

On a shared machine two measurements made one after the other differ by more than what is to be
measured. So all jobs of a group run side by side, one block each in turn, forwards and then backwards,
and everything is done again in fresh processes until the interval is narrow enough.
"""

from __future__ import annotations

import threading
import time
from typing import Callable, List, Sequence

from ..probe.machine import available_memory_bytes
from ..wire import Job, Message, Progress, Request
from .launch import RunningLaunch
from .process import Lost
from .stopping import Ledger

# A worker with a small model takes about 50 MB; with a large one, some times its file.
_WORKER_BYTES = 150_000_000
_PROGRESS_S = 0.2

Emit = Callable[[Message], None]
Step = Callable[[RunningLaunch], None]


class Group:
    """The jobs that are compared with each other, and the workers they have at the moment."""

    def __init__(
        self, jobs: Sequence[Job], request: Request, worker_arguments: Sequence[str], emit: Emit
    ) -> None:
        self.ledger = Ledger(jobs, request)
        self.worker_arguments, self.emit = list(worker_arguments), emit
        self._alive: List[RunningLaunch] = []
        self._said = 0.0
        self._first_launch = request.first_launch

    def run(self, stopped: threading.Event) -> None:
        """Launch after launch until no job wants another; what each brought back is emitted at once."""
        number = self._first_launch
        while not stopped.is_set():
            together = self.ledger.wanting()
            if not together:
                return
            for batch in self.ledger.batches(together, self._room()):
                self.launch(number, batch, stopped)
                number += 1

    def kill(self) -> None:
        """From another thread: end the workers now, whatever they do."""
        for launch in list(self._alive):
            launch.kill()

    def launch(self, number: int, jobs: Sequence[Job], stopped: threading.Event) -> None:
        """One fresh worker per job; the shared ones take turns, an exclusive one has its turn alone."""
        # Who comes first alternates, so that being first favours nobody.
        ordered = list(jobs) if number % 2 == 0 else list(reversed(jobs))
        shared = [RunningLaunch(job, number) for job in ordered if not job.exclusive]
        alone = [[RunningLaunch(job, number)] for job in ordered if job.exclusive]
        for launches in ([shared] if shared else []) + alone:
            self._alive = launches
            self._take_turns(launches, stopped)
            self._report(launches, stopped)

    def _take_turns(self, launches: List[RunningLaunch], stopped: threading.Event) -> None:
        share_ns = self.ledger.share_ns

        def each(step: Step) -> None:
            for launch in launches:
                if launch.lost is None and not stopped.is_set():
                    try:
                        step(launch)
                    except Lost as lost:
                        launch.lost = lost

        def take_turn(launch: RunningLaunch) -> None:
            if launch.wants_more(share_ns):
                launch.block()
                self._tell(launches)

        try:
            each(lambda launch: launch.start(self.worker_arguments))
            each(lambda launch: launch.open(with_outputs=self.ledger.is_new(launch.job)))
            while not stopped.is_set() and any(launch.wants_more(share_ns) for launch in launches):
                each(take_turn)
                launches.reverse()
            each(RunningLaunch.copies)
        finally:
            for launch in launches:
                launch.close()

    def _report(self, launches: Sequence[RunningLaunch], stopped: threading.Event) -> None:
        for launch in launches:
            # A worker killed because we were told to stop has not failed.
            failed = launch.lost is not None and not stopped.is_set()
            self.ledger.enter(launch.job, launch.number, launch.blocks, launch.own, failed)
            if launch.blocks:
                self.emit(launch.measurement())
            if failed:
                self.emit(launch.refusal())

    def _room(self) -> int:
        """How many workers the free memory holds, at least two."""
        free = available_memory_bytes()
        return len(self.ledger.jobs) if free is None else max(2, int(free * 0.8 / _WORKER_BYTES))

    def _tell(self, launches: Sequence[RunningLaunch]) -> None:
        now = time.monotonic()
        if now - self._said >= _PROGRESS_S:
            self._said = now
            done_s, total_s = self.ledger.progress_s(sum(launch.spent_ns for launch in launches))
            self.emit(Progress(self.ledger.jobs[0].group, done_s, total_s))
