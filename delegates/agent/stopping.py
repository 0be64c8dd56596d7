"""The stopping rule: decides which jobs of a group need another launch, and how much it is to time.

A job is finished once the interval of its shown figure is as narrow as asked, once its budget of timed work
is spent, or once it has cost a multiple of that.
"""

from __future__ import annotations

import math
from typing import Dict, List, Optional, Sequence, Set, Tuple

from .. import stats
from ..wire import Job, Request
from . import planning
from .measured import Blocks, Measured

# A job's budget is spread over at least so many launches, as times differ between processes.
_LAUNCHES_PER_BUDGET = 20
# The interval of a few launches is itself uncertain, and looks narrowest when it is too narrow by chance.
# So it is to be narrower than asked, and believed from so many launches on, unless they cost the budget.
_AIM = 0.75
_GOOD_LAUNCHES = 10
# Launches cost more than they time. The wall time of a job's launches is limited to so many budgets.
_COST_PER_BUDGET = 2.0


class StoppingRule:
    """Knows what has been measured of a group's jobs, and what is still needed."""

    def __init__(self, jobs: Sequence[Job], request: Request) -> None:
        self.jobs = list(jobs)
        self.baseline: Optional[Job] = next((job for job in jobs if job.baseline), None)
        self.budget_ns = request.budget_s * 1e9
        self.launch_budget_ns = self.budget_ns / _LAUNCHES_PER_BUDGET
        self._request = request
        self._measured: Dict[str, Measured] = {job.id: Measured() for job in jobs}
        self._failed: Set[str] = set()
        self._needed_ns: Optional[float] = None  # timed work; None: to be found anew

    def is_new(self, job: Job) -> bool:
        """Return whether the job has had no launch yet."""
        return self._measured[job.id].launches == 0

    def wants_copies(self, job: Job) -> bool:
        """Return whether inferences with copies are still to be timed: a few launches of them are enough."""
        return self._measured[job.id].launches < self._request.min_launches

    def add_launch(
        self, job: Job, number: int, wall: Blocks, cpu: Blocks, cost_ns: int = 0, blocks_cost_ns: int = 0
    ) -> None:
        """Count a launch of the job; `cpu` is empty if CPU time was not measured. See Measured.add."""
        self._measured[job.id].add(number, wall, cpu, cost_ns, blocks_cost_ns)
        self._needed_ns = None

    def works(self, job: Job) -> bool:
        """Return whether the job has not failed."""
        return job.id not in self._failed

    def give_up(self, job: Job) -> None:
        """Mark the job as failed: it gets no further launches."""
        self._failed.add(job.id)
        self._needed_ns = None

    def unfinished(self) -> List[Job]:
        """Return the jobs that need another launch, and the baseline to compare them with."""
        unfinished = {job.id for job in self.jobs if self._is_unfinished(job)}
        return [job for job in self.jobs if job.id in unfinished or (unfinished and self._accompanies(job))]

    def blocks(self, job: Job) -> int:
        """Return how many blocks the job's next launch is to time. The baseline keeps up with the others."""
        if job is not self.baseline:
            return self._planned(job)
        others = [other for other in self.jobs if other is not job and self._is_unfinished(other)]
        return max(map(self._planned, others), default=0) or self._planned(job)

    def progress_s(self, now_ns: int) -> Tuple[float, float]:
        """Return the seconds of timed work done and expected. now_ns: work done by running launches."""
        done = sum(one.spent_ns for one in self._measured.values()) + now_ns
        if self._needed_ns is None:  # else it is as before: with many launches it takes milliseconds
            self._needed_ns = sum(self._expected_ns(job) for job in self.jobs if self._is_unfinished(job))
        return done / 1e9, max(done, done - now_ns + self._needed_ns) / 1e9

    def _is_unfinished(self, job: Job) -> bool:
        one, request = self._measured[job.id], self._request
        if job.id in self._failed or one.spent_ns >= self.budget_ns:
            return False
        if one.launches < request.min_launches:
            return True
        if one.launches >= request.max_launches or (job is self.baseline and len(self.jobs) > 1):
            return False  # the baseline is launched whenever others are
        if one.cost_ns >= _COST_PER_BUDGET * self.budget_ns:
            return False
        if one.launches < _GOOD_LAUNCHES and one.cost_ns < self.budget_ns:
            return True
        return not stats.is_narrow(self._shown(job), _AIM * request.precision)

    def _accompanies(self, job: Job) -> bool:
        return job is self.baseline and job.id not in self._failed

    def _compared_with(self, job: Job) -> Job:
        """Return the baseline, or the job itself if there is none: then its floor is what is shown."""
        alone = self.baseline is None or job is self.baseline or self.baseline.id in self._failed
        return job if alone or self.baseline is None else self.baseline

    def _shown(self, job: Job) -> Optional[stats.Interval]:
        """Return the job's figure as home will show it, with its interval."""
        theirs, ours = self._comparable(job)
        if self._compared_with(job) is job:
            return stats.typical_floor(ours.values())
        return stats.speedup(theirs, ours)

    def _comparable(self, job: Job) -> Tuple[stats.Floors, stats.Floors]:
        return stats.comparable(
            self._measured[self._compared_with(job).id].floors, self._measured[job.id].floors
        )

    def _planned(self, job: Job) -> int:
        """Return how many blocks are best for the job's next launch."""
        other, one = self._measured[self._compared_with(job).id], self._measured[job.id]
        kind = int(stats.by_cpu_time(other.floors, one.floors))
        if other is one:
            values = [math.log(floor) for floor in one.floors[kind].values() if floor > 0]
            found = planning.spread(values, one.blocks, one.halves(kind))
        else:
            values = stats.log_ratios(other.floors[kind], one.floors[kind])
            found = planning.spread(values, one.blocks, one.halves(kind), other.halves(kind))
        return planning.blocks_per_launch(found, one.cost)

    def _expected_ns(self, job: Job) -> float:
        """Return how much timed work the job still needs: an interval narrows with the square root of it."""
        one = self._measured[job.id]
        left_ns = self.budget_ns - one.spent_ns
        if not one.launches:
            return _GOOD_LAUNCHES * self.launch_budget_ns
        launches = float(_GOOD_LAUNCHES)
        shown = self._shown(job)
        if one.launches >= self._request.min_launches and shown and shown.low and shown.high:
            half = math.log(shown.high / shown.low) / 2
            aim = _AIM * self._request.precision
            launches = max(launches, one.launches * (half / aim) ** 2 if aim else math.inf)
        return min(left_ns, max(1.0, launches - one.launches) * one.spent_ns / one.launches)
