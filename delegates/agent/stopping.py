"""The stopping rule: decides which jobs of a group need another launch, and how much it is to time.

A job is finished once the intervals of its shown figures are as narrow as asked, once its budget of timed
work is spent, or once it has cost a multiple of that. The first job of a pair decides for both.
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
        known = {job.id: job for job in jobs}
        self._second = {job.id: known[job.pair] for job in jobs if job.pair in known}  # of a pair, by first
        self._first = {self._second[job.id].id: job for job in jobs if job.id in self._second}

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
        """Return the jobs that need another launch, and the ones to compare them with."""
        wanted = {job.id for job in self.jobs if self._is_unfinished(job)}
        if wanted and self.baseline is not None and self.baseline.id not in self._failed:
            wanted.add(self.baseline.id)
        for job in self.jobs:
            second = self._paired_with(job)
            if second is not None and not wanted.isdisjoint((job.id, second.id)):
                wanted |= {job.id, second.id} - self._failed
        return [job for job in self.jobs if job.id in wanted]

    def blocks(self, job: Job) -> int:
        """Return how many blocks the job's next launch is to time.

        The baseline keeps up with the others, the second of a pair with the first.
        """
        first = self._first.get(job.id)
        if first is not None and first.id not in self._failed:
            return self.blocks(first)
        if job is not self.baseline:
            return self._planned(job)
        others = [other for other in self.jobs if other is not job and self._is_unfinished(other)]
        if self._paired_with(job) is not None:
            others.append(job)
        return max(map(self._planned, others), default=0) or self._planned(job)

    def progress_s(self, now_ns: int) -> Tuple[float, float]:
        """Return the seconds of timed work done and expected. now_ns: work done by running launches."""
        done = sum(one.spent_ns for one in self._measured.values()) + now_ns
        if self._needed_ns is None:  # else it is as before: with many launches it takes milliseconds
            self._needed_ns = sum(map(self._expected_of, self.jobs))
        return done / 1e9, max(done, done - now_ns + self._needed_ns) / 1e9

    def _is_unfinished(self, job: Job) -> bool:
        one, request = self._measured[job.id], self._request
        if job.id in self._failed or one.spent_ns >= self.budget_ns:
            return False
        if one.launches < request.min_launches:
            return True
        if one.launches >= request.max_launches or self._accompanies(job):
            return False
        if one.cost_ns >= _COST_PER_BUDGET * self.budget_ns:
            return False
        if one.launches < _GOOD_LAUNCHES and one.cost_ns < self.budget_ns:
            return True
        return not all(stats.is_narrow(shown, _AIM * request.precision) for shown in self._shown(job))

    def _accompanies(self, job: Job) -> bool:
        """Return whether the job is launched only because others are: a pair's second, or the baseline."""
        first = self._first.get(job.id)
        if first is not None and first.id not in self._failed:
            return True
        return job is self.baseline and len(self.jobs) > 1 and self._paired_with(job) is None

    def _paired_with(self, job: Job) -> Optional[Job]:
        """Return the second job of a pair for its first, unless it has failed or spent its budget."""
        second = self._second.get(job.id)
        if second is None or second.id in self._failed:
            return None
        return second if self._measured[second.id].spent_ns < self.budget_ns else None

    def _compared_with(self, job: Job) -> List[Job]:
        """Return the baseline and the other of its pair, or itself if it has neither.

        Then its floor is what is shown.
        """
        others = [self._paired_with(job)]
        if job is not self.baseline and self.baseline is not None and self.baseline.id not in self._failed:
            others.append(self.baseline)
        return [other for other in others if other is not None] or [job]

    def _shown(self, job: Job) -> List[Optional[stats.Interval]]:
        """Return the job's figures as home will show them, with their intervals."""
        return [self._figure(job, other) for other in self._compared_with(job)]

    def _figure(self, job: Job, other: Job) -> Optional[stats.Interval]:
        theirs, ours = stats.comparable(self._measured[other.id].floors, self._measured[job.id].floors)
        return stats.typical_floor(ours.values()) if other is job else stats.speedup(theirs, ours)

    def _planned(self, job: Job) -> int:
        """Return how many blocks are best for the job's next launch."""
        return max(self._planned_for(job, other) for other in self._compared_with(job))

    def _planned_for(self, job: Job, compared: Job) -> int:
        other, one = self._measured[compared.id], self._measured[job.id]
        kind = int(stats.by_cpu_time(other.floors, one.floors))
        if other is one:
            values = [math.log(floor) for floor in one.floors[kind].values() if floor > 0]
            found = planning.spread(values, one.blocks, one.halves(kind))
        else:
            values = stats.log_ratios(other.floors[kind], one.floors[kind])
            found = planning.spread(values, one.blocks, one.halves(kind), other.halves(kind))
        return planning.blocks_per_launch(found, one.cost)

    def _expected_of(self, job: Job) -> float:
        """Return how much timed work a job still needs; of a pair, the first that of both."""
        first = self._first.get(job.id)
        if not self._is_unfinished(job) or (first is not None and self._is_unfinished(first)):
            return 0.0
        return self._expected_ns(job) * (1 if self._paired_with(job) is None else 2)

    def _expected_ns(self, job: Job) -> float:
        """Return how much timed work the job still needs: an interval narrows with the square root of it."""
        one = self._measured[job.id]
        left_ns = self.budget_ns - one.spent_ns
        if not one.launches:
            return _GOOD_LAUNCHES * self.launch_budget_ns
        launches = float(_GOOD_LAUNCHES)
        for shown in self._shown(job) if one.launches >= self._request.min_launches else ():
            if shown and shown.low and shown.high:
                half = math.log(shown.high / shown.low) / 2
                aim = _AIM * self._request.precision
                launches = max(launches, one.launches * (half / aim) ** 2 if aim else math.inf)
        return min(left_ns, max(1.0, launches - one.launches) * one.spent_ns / one.launches)
