"""How far each cell of a run is: its launches so far, and whether it has ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from delegates.wire import Evaluated, Failure, Job, Launch, Request
from harness.record import Done, Ended
from harness.record.ended import of_failure

_MOST_VALUES = 1 << 24  # of an evaluation that a device may send; home asks for a quarter of it


@dataclass
class CellProgress:
    """The progress of one cell."""

    launches: set[int] = field(default_factory=set)  # by number
    has_outputs: bool = False
    evaluated: int = 0  # samples
    values: int = 0  # that were kept of them
    ended: Ended | None = None

    def lacks(self, launches: int) -> bool:
        """Return whether the cell has not ended and has fewer launches than `launches`."""
        return self.ended is None and len(self.launches) < launches


class Cells:
    """The cells of a run: decides which answers are recorded and what is asked again. Not thread-safe."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._cells = {id: CellProgress() for id in ids}

    def accept(self, request: Request, launch: Launch) -> Launch | None:
        """Return the launch as it should be recorded, or None to ignore it.

        A launch is ignored if its cell was not part of the request or has ended, if its number was seen
        before, or if the cell has more launches than a device may send. Only the first outputs are kept.
        """
        cell = self._asked(request, launch.job)
        if cell is None or launch.launch in cell.launches:
            return None
        if len(cell.launches) >= _most_launches(request, launch.job):
            return None
        cell.launches.add(launch.launch)
        if cell.has_outputs:
            return replace(launch, outputs=[])
        cell.has_outputs = bool(launch.outputs)
        return launch

    def accept_evaluated(self, request: Request, part: Evaluated) -> bool:
        """Return whether a part of a cell's evaluation is to be recorded: it has the next of its samples."""
        cell = self._asked(request, part.job)
        asked = next((job.evaluation for job in request.jobs if job.id == part.job), None)
        if cell is None or asked is None or part.keep != asked.keep:
            return False
        end = part.first + part.outputs[0].shape[0]
        # A request that is repeated after a lost link begins anew, and its parts may end elsewhere.
        if not part.first <= cell.evaluated < end <= asked.samples:
            return False
        cell.values += sum(math.prod(output.shape) for output in part.outputs)
        if cell.values > _MOST_VALUES:
            return False
        cell.evaluated = end
        return True

    def fail(self, request: Request, failure: Failure) -> Ended | None:
        """End the cell that failed, and return how. None if it was not asked for or has ended already."""
        cell = self._asked(request, failure.job)
        if cell is None:
            return None
        cell.ended = of_failure(failure)
        return cell.ended

    def rest(self, request: Request) -> Request:
        """Return a request for what is missing: all models with a cell that has too few launches.

        All cells of such a model are measured again: only launches that took turns can be compared. If only
        evaluations are missing, nothing is timed.
        """
        open_ = {
            job.group for job in request.jobs if job.timed and self._cells[job.id].lacks(request.min_launches)
        }
        jobs = [j for j in request.jobs if j.group in open_ and self._cells[j.id].ended is None]
        last = max((n for job in request.jobs for n in self._cells[job.id].launches), default=-1)
        if not jobs:
            jobs = self._without_evaluation(request)
            return replace(request, jobs=jobs, first_launch=last + 1, budget_s=0.0)
        return replace(request, jobs=jobs, first_launch=last + 1)

    def _without_evaluation(self, request: Request) -> list[Job]:
        """Return the jobs of all groups with a cell that has not ended and lacks samples of its evaluation.

        A slow one may lack them because it had enough: then it stops again where it did.
        """
        going = [job for job in request.jobs if self._cells[job.id].ended is None]
        groups = {
            job.group
            for job in going
            if job.evaluation and self._cells[job.id].evaluated < job.evaluation.samples
        }
        return [job for job in going if job.group in groups]

    def lose(self, request: Request, stage: str, reason: str) -> list[tuple[str, Ended]]:
        """End the cells that lack launches because their machine was lost. Returns their ids and ends."""
        return self._end(
            [job for job in request.jobs if job.timed],
            lambda cell: cell.lacks(request.min_launches),
            lambda job: of_failure(Failure(job.id, 0, stage, reason)),
        )

    def finish(self, request: Request) -> list[tuple[str, Ended]]:
        """End the cells that have enough launches. Returns their ids and ends."""
        return self._end(
            request.jobs,
            lambda cell: cell.ended is None and len(cell.launches) >= request.min_launches,
            lambda job: Done(),
        )

    def _end(
        self, jobs: Sequence[Job], which: Callable[[CellProgress], bool], how: Callable[[Job], Ended]
    ) -> list[tuple[str, Ended]]:
        ended = []
        for job in jobs:
            cell = self._cells[job.id]
            if which(cell):
                cell.ended = how(job)
                ended.append((job.id, cell.ended))
        return ended

    def _asked(self, request: Request, id: str) -> CellProgress | None:
        """Return the cell, or None if it was not part of the request or has ended."""
        if id not in {job.id for job in request.jobs}:
            return None
        cell = self._cells[id]
        return cell if cell.ended is None else None


def _most_launches(request: Request, id: str) -> int:
    """Return how many launches of a job a device may send."""
    # A baseline is launched with every batch of the others, and so is its pair; there may be as many as jobs.
    always = any(job.baseline and id in (job.id, job.pair) for job in request.jobs)
    batches = len(request.jobs) if always else 1
    return 2 * request.max_launches * batches  # twice: the request may be repeated once, after a lost link
