"""How far each cell is, while it is measured: no figures, only what is needed to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from delegates.wire import Failure, Job, Launch, Request
from harness.record import Done, Ended
from harness.record.ended import of_failure


@dataclass
class CellProgress:
    """How far a cell is."""

    launches: set[int] = field(default_factory=set)  # their numbers
    has_outputs: bool = False
    ended: Ended | None = None

    def lacks(self, launches: int) -> bool:
        """Return whether the cell goes on and has fewer launches than that."""
        return self.ended is None and len(self.launches) < launches


class Cells:
    """The cells of a run by their id, and what is still to be asked of them. Not thread-safe."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._cells = {id: CellProgress() for id in ids}

    def accept(self, request: Request, launch: Launch) -> Launch | None:
        """Return what of a launch is to be recorded; None where it is nobody's, too much, or known.

        A machine can answer only for the cells it was asked for, and for each launch once; outputs are
        recorded with the first launch that has them.
        """
        cell = self._asked(request, launch.job)
        most = 2 * request.max_launches  # a link is lost at most once
        if cell is None or launch.launch in cell.launches or len(cell.launches) >= most:
            return None
        cell.launches.add(launch.launch)
        if cell.has_outputs:
            return replace(launch, outputs=[])
        cell.has_outputs = bool(launch.outputs)
        return launch

    def fail(self, request: Request, failure: Failure) -> Ended | None:
        """Return how the failure ends its cell; None where the cell was not asked for, or has ended."""
        cell = self._asked(request, failure.job)
        if cell is None:
            return None
        cell.ended = of_failure(failure)
        return cell.ended

    def rest(self, request: Request) -> Request:
        """Return what is still to be asked: models with a cell that lacks launches for an interval.

        All cells of such a model are asked for again, because only what is measured together compares.
        """
        open_ = {job.group for job in request.jobs if self._cells[job.id].lacks(request.min_launches)}
        jobs = [j for j in request.jobs if j.group in open_ and self._cells[j.id].ended is None]
        last = max((n for job in request.jobs for n in self._cells[job.id].launches), default=-1)
        return replace(request, jobs=jobs, first_launch=last + 1)

    def lose(self, request: Request, stage: str, reason: str) -> list[tuple[str, Ended]]:
        """End the cells that lack launches, because their machine was lost; returns their ids and ends."""
        return self._end(
            request.jobs,
            lambda cell: cell.lacks(request.min_launches),
            lambda job: of_failure(Failure(job.id, 0, stage, reason)),
        )

    def finish(self, request: Request) -> list[tuple[str, Ended]]:
        """End the cells that have been measured as long as was asked; returns their ids and ends."""
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
        """Return a cell that was asked for and goes on."""
        if id not in {job.id for job in request.jobs}:
            return None
        cell = self._cells[id]
        return cell if cell.ended is None else None
