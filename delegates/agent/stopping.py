"""The ledger: what each job of a group has had so far, and whether it wants more."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Set, Tuple

from .. import stats
from ..wire import Job, Request

# A job's budget is spread over so many launches: the error of a comparison sits in processes.
_SHARES = 10


class Ledger:
    """Budget spent, launches and floors (ns, by launch number) of the jobs of one group."""

    def __init__(self, jobs: Sequence[Job], request: Request) -> None:
        self.jobs = list(jobs)
        self.baseline: Optional[Job] = next((job for job in jobs if job.baseline), None)
        self.budget_ns = request.budget_s * 1e9
        self.share_ns = self.budget_ns / _SHARES
        self._request = request
        self._spent_ns: Dict[str, int] = {job.id: 0 for job in jobs}
        self._launches: Dict[str, int] = {job.id: 0 for job in jobs}
        self._floors: Dict[str, Dict[int, float]] = {job.id: {} for job in jobs}
        self._lost: Set[str] = set()

    def is_new(self, job: Job) -> bool:
        return self._launches[job.id] == 0

    def enter(
        self,
        job: Job,
        number: int,
        blocks: Sequence[Sequence[int]],
        own: Sequence[Sequence[int]],
        lost: bool,
    ) -> None:
        """What a launch of `job` brought."""
        self._launches[job.id] += 1
        self._spent_ns[job.id] += sum(map(sum, blocks))
        floor = stats.launch_floor(own or blocks)
        if floor is not None:
            self._floors[job.id][number] = floor
        if lost:
            self._lost.add(job.id)

    def wanting(self) -> List[Job]:
        """The jobs that another launch would serve; the baseline comes along with whoever needs it."""
        wanting = {job.id for job in self.jobs if self._wants(job)}
        return [job for job in self.jobs if job.id in wanting or (wanting and self._accompanies(job))]

    def batches(self, jobs: Sequence[Job], room: int) -> List[List[Job]]:
        """As many jobs at once as there is room for, the baseline in every batch."""
        first = [job for job in jobs if job is self.baseline]
        others = [job for job in jobs if job is not self.baseline]
        size = max(1, room - len(first))
        return [first + others[i : i + size] for i in range(0, len(others), size)] or [first]

    def progress_s(self, now_ns: int) -> Tuple[float, float]:
        """Seconds of timed work done and planned; `now_ns` is what the launches under way have had."""
        done = sum(min(spent, self.budget_ns) for spent in self._spent_ns.values()) + now_ns
        open_ns = sum(self.budget_ns - self._spent_ns[job.id] for job in self.jobs if self._wants(job))
        return done / 1e9, max(done, done - now_ns + open_ns) / 1e9

    def _wants(self, job: Job) -> bool:
        launches = self._launches[job.id]
        if job.id in self._lost or self._spent_ns[job.id] >= self.budget_ns:
            return False
        if launches < self._request.min_launches:
            return True
        if launches >= self._request.max_launches or (job is self.baseline and len(self.jobs) > 1):
            return False  # the baseline comes along as long as others need it
        return not self._settled(job)

    def _accompanies(self, job: Job) -> bool:
        return job is self.baseline and job.id not in self._lost

    def _settled(self, job: Job) -> bool:
        """True once the interval of what is shown for the job is as narrow as asked."""
        floors = self._floors[job.id]
        if self.baseline is None or job is self.baseline or self.baseline.id in self._lost:
            shown = stats.typical_floor(floors.values())
        else:
            shown = stats.speedup(self._floors[self.baseline.id], floors)
        return stats.is_narrow(shown, self._request.precision)
