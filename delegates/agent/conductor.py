"""The conductor: lets the workers of the jobs that are compared take turns of a few short blocks.

On a shared machine, measurements made one after the other differ by more than the effect to be measured.
So the workers of a group stay alive side by side and time a few blocks each in turn, forwards and backwards.
All of it is repeated in new processes until the stopping rule is satisfied.
"""

from __future__ import annotations

import resource
import threading
import time
from time import perf_counter_ns
from typing import Callable, Dict, List, Optional, Sequence

from ..probe.machine import available_memory_bytes
from ..wire import Job, Message, Progress, Request
from .copies import size_bytes
from .evaluating import Evaluating
from .link import WorkerLost
from .running import RunningLaunch
from .stopping import StoppingRule
from .workers import Workers

# A worker with a small model takes about 50 MB; with a large one, several times its file.
_WORKER_BYTES = 150_000_000
# Of this process. The limit may be higher, but `select` takes no others. Launchers need some, too.
_MOST_DESCRIPTORS, _OTHER_DESCRIPTORS, _WORKER_DESCRIPTORS = 1024, 64, 3
_PROGRESS_S = 0.5

Emit = Callable[[Message], None]
Step = Callable[[RunningLaunch], None]


class Group:
    """The jobs that are compared with each other, and their running workers."""

    def __init__(self, jobs: Sequence[Job], request: Request, workers: Workers, emit: Emit) -> None:
        self._jobs, self._rule = list(jobs), StoppingRule([job for job in jobs if job.timed], request)
        self._workers, self._emit = workers, emit
        self._alive: List[RunningLaunch] = []
        self._told_at = 0.0  # when progress was last sent
        self._first_launch = request.first_launch
        self._forwards = False  # whether the last round began with the first job
        self._evaluating: Optional[Evaluating] = None

    def run(self, stopped: threading.Event) -> None:
        """Launch jobs until the stopping rule is satisfied, then evaluate them.

        Each Launch is emitted when it ends.
        """
        number = self._first_launch
        try:
            while not stopped.is_set():
                unfinished = self._rule.unfinished()
                if not unfinished:
                    break
                self._forwards = not self._forwards
                for batch in batches(unfinished, self._rule.baseline, self._room()):
                    self._launch(number, batch, stopped)
                    number += 1
            if not stopped.is_set():
                self._evaluating = Evaluating(self._workers, self._emit, stopped, number)
                self._evaluating.evaluate([job for job in self._jobs if self._rule.works(job)])
        finally:
            self._workers.close()

    def kill(self) -> None:
        """Kill the workers and their launchers. Thread-safe."""
        self._workers.kill()
        for launch in list(self._alive):
            launch.kill()
        if self._evaluating is not None:
            self._evaluating.kill()

    def _launch(self, number: int, jobs: Sequence[Job], stopped: threading.Event) -> None:
        """Run one launch of each job in new workers. They take turns; those of exclusive jobs run alone."""
        # The order alternates from round to round, so that no job is always first.
        ordered = list(jobs) if self._forwards else list(reversed(jobs))
        shared = [RunningLaunch(job, number) for job in ordered if not job.exclusive]
        alone = [[RunningLaunch(job, number)] for job in ordered if job.exclusive]
        for launches in ([shared] if shared else []) + alone:
            self._alive = launches
            self._take_turns(launches, stopped)
            self._report(launches, stopped)

    def _take_turns(self, launches: List[RunningLaunch], stopped: threading.Event) -> None:
        blocks = {launch.job.id: self._rule.blocks(launch.job) for launch in launches}

        def each(step: Step) -> None:
            for launch in launches:
                if launch.lost is None and not stopped.is_set():
                    started = perf_counter_ns()
                    try:
                        step(launch)
                    except WorkerLost as lost:
                        launch.lost = lost
                    launch.cost_ns += perf_counter_ns() - started

        def start_fresh(launch: RunningLaunch) -> None:
            if not self._workers.is_forked(launch.job):
                launch.start(self._workers)  # fresh workers import their runtimes at the same time

        def wants_more(launch: RunningLaunch) -> bool:
            return launch.wants_more(blocks[launch.job.id], self._rule.launch_budget_ns)

        def take_turn(launch: RunningLaunch) -> None:
            if wants_more(launch):
                launch.take_turn(blocks[launch.job.id], self._rule.launch_budget_ns)
                self._tell(launches)

        try:
            started = perf_counter_ns()
            if not stopped.is_set():
                self._workers.prepare([launch.job for launch in launches], launches[0].number)
            for launch in launches:
                launch.cost_ns += (perf_counter_ns() - started) // len(launches)
            each(start_fresh)
            each(lambda launch: launch.open(self._workers, with_outputs=self._rule.is_new(launch.job)))
            while not stopped.is_set() and any(map(wants_more, launches)):
                each(take_turn)
                launches.reverse()
            each(lambda launch: launch.finish(with_copies=self._rule.wants_copies(launch.job)))
        finally:
            for launch in launches:
                launch.end()
            for launch in launches:
                launch.close()

    def _report(self, launches: Sequence[RunningLaunch], stopped: threading.Event) -> None:
        for launch in launches:
            self._rule.add_launch(
                launch.job,
                launch.number,
                launch.blocks_ns,
                launch.cpu_time_ns,
                launch.cost_ns,
                launch.blocks_cost_ns,
            )
            if launch.blocks_ns:
                self._emit(launch.result())
            # A worker that was killed because the run was stopped has not failed.
            if launch.lost is not None and not stopped.is_set():
                self._rule.give_up(launch.job)
                self._emit(launch.failure())

    def _room(self) -> int:
        """Return how many workers fit into free memory and may be open, at least two."""
        free = available_memory_bytes()
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if not 0 < most < _MOST_DESCRIPTORS:
            most = _MOST_DESCRIPTORS
        room = (most - _OTHER_DESCRIPTORS) // _WORKER_DESCRIPTORS
        own = max((size_bytes(job.model) for job in self._jobs if job.own_copy), default=0)
        return max(2, room if free is None else min(room, int(free * 0.8 / (_WORKER_BYTES + own))))

    def _tell(self, launches: Sequence[RunningLaunch]) -> None:
        now = time.monotonic()
        if now - self._told_at >= _PROGRESS_S:
            self._told_at = now
            done_s, total_s = self._rule.progress_s(sum(launch.spent_ns for launch in launches))
            self._emit(Progress(self._jobs[0].group, done_s, total_s))


def batches(jobs: Sequence[Job], baseline: Optional[Job], room: int) -> List[List[Job]]:
    """Split jobs into batches of at most `room`. Pairs stay together, and every batch contains the baseline.

    room: of a pair and the baseline with the other of its own, there may be more.
    """
    known = {job.id: job for job in jobs}
    seconds = {job.pair for job in jobs}
    units = [[job, *_second(job, known)] for job in jobs if job.id not in seconds]
    first = next((unit for unit in units if baseline in unit), [])
    found: List[List[Job]] = []
    for unit in units:
        if unit is not first:
            if found and len(found[-1]) + len(unit) <= room:
                found[-1] += unit
            else:
                found.append([*first, *unit])
    return found or [first]


def _second(job: Job, known: Dict[str, Job]) -> List[Job]:
    """Return the second job of a pair, if it is known."""
    return [known[job.pair]] if job.pair is not None and job.pair in known else []
