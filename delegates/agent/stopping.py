"""The stopping rule: decides which jobs of a group need another launch.

A job is finished once its budget of timed work is spent, once it has had `max_launches`, or once the interval
of its shown figure is as narrow as asked (after `min_launches`).
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Set, Tuple

from .. import stats
from ..wire import Job, Request

# A job's budget is spread over several launches, as times differ more between processes than within one.
_LAUNCHES_PER_BUDGET = 10

Floors = Dict[int, float]


class StoppingRule:
    """Counts timed work and launches of a group's jobs, and keeps their floors (ns, by launch number).

    Floors of wall time of every launch, and of CPU time of those that measured it.
    """

    def __init__(self, jobs: Sequence[Job], request: Request) -> None:
        self.jobs = list(jobs)
        self.baseline: Optional[Job] = next((job for job in jobs if job.baseline), None)
        self.budget_ns = request.budget_s * 1e9
        self.launch_budget_ns = self.budget_ns / _LAUNCHES_PER_BUDGET
        self._request = request
        self._spent_ns: Dict[str, int] = {job.id: 0 for job in jobs}
        self._launches: Dict[str, int] = {job.id: 0 for job in jobs}
        self._floors: Dict[str, Floors] = {job.id: {} for job in jobs}
        self._cpu_time_floors: Dict[str, Floors] = {job.id: {} for job in jobs}
        self._failed: Set[str] = set()

    def is_new(self, job: Job) -> bool:
        """Return whether the job has had no launch yet."""
        return self._launches[job.id] == 0

    def add_launch(
        self, job: Job, number: int, blocks_ns: Sequence[Sequence[int]], cpu_time_ns: Sequence[Sequence[int]]
    ) -> None:
        """Count a launch of the job; `cpu_time_ns` is empty if it was not measured."""
        self._launches[job.id] += 1
        self._spent_ns[job.id] += sum(map(sum, blocks_ns))
        for floors, times in ((self._floors, blocks_ns), (self._cpu_time_floors, cpu_time_ns)):
            floor = stats.launch_floor(times)
            if floor is not None:
                floors[job.id][number] = floor

    def give_up(self, job: Job) -> None:
        """Mark the job as failed: it gets no further launches."""
        self._failed.add(job.id)

    def unfinished(self) -> List[Job]:
        """Return the jobs that need another launch, and the baseline to compare them with."""
        unfinished = {job.id for job in self.jobs if self._is_unfinished(job)}
        return [job for job in self.jobs if job.id in unfinished or (unfinished and self._accompanies(job))]

    def progress_s(self, now_ns: int) -> Tuple[float, float]:
        """Return the seconds of timed work done and planned. now_ns: work done by running launches."""
        done = sum(min(spent, self.budget_ns) for spent in self._spent_ns.values()) + now_ns
        unfinished = [job for job in self.jobs if self._is_unfinished(job)]
        open_ns = sum(self.budget_ns - self._spent_ns[job.id] for job in unfinished)
        return done / 1e9, max(done, done - now_ns + open_ns) / 1e9

    def _is_unfinished(self, job: Job) -> bool:
        launches = self._launches[job.id]
        if job.id in self._failed or self._spent_ns[job.id] >= self.budget_ns:
            return False
        if launches < self._request.min_launches:
            return True
        if launches >= self._request.max_launches or (job is self.baseline and len(self.jobs) > 1):
            return False  # the baseline is launched whenever others are
        return not self._has_converged(job)

    def _accompanies(self, job: Job) -> bool:
        return job is self.baseline and job.id not in self._failed

    def _has_converged(self, job: Job) -> bool:
        """Return whether the interval of the job's shown figure is as narrow as asked."""
        if self.baseline is None or job is self.baseline or self.baseline.id in self._failed:
            shown = stats.typical_floor(self._comparable(job, job)[0].values())
        else:
            shown = stats.speedup(*self._comparable(self.baseline, job))
        return stats.is_narrow(shown, self._request.precision)

    def _comparable(self, baseline: Job, job: Job) -> Tuple[stats.Floors, stats.Floors]:
        """Return the floors of both that can be compared."""
        theirs, ours = baseline.id, job.id
        return stats.comparable(
            (self._floors[theirs], self._cpu_time_floors[theirs]),
            (self._floors[ours], self._cpu_time_floors[ours]),
        )
