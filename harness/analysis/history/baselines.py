"""Which cell the speedups of a run are over: only those over the same one form a course."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import structs

from harness.record import Subject, subject
from harness.record.history import Point
from harness.store.index import CellEntry, RunEntry

Over = tuple[str, str, str, int]  # variant, delegate, device and threads of a baseline


class Baselines:
    """The baselines of runs: the cells whose speedup is exactly 1."""

    def __init__(self, runs: Sequence[RunEntry], cells: Iterable[CellEntry]) -> None:
        self._hosts = {(run.folder, one.name): one.machine for run in runs for one in run.machines}
        self._known: dict[tuple[str, Subject, str], Over] = {}
        for cell in cells:
            if cell.speedup == 1.0:
                self._known[self._group(cell)] = (cell.variant, cell.delegate, cell.device, cell.threads)

    def of(self, cell: CellEntry) -> Over | None:
        """Return what a cell's speedup is over; None if that is not known."""
        return self._known.get(self._group(cell))

    def _group(self, cell: CellEntry) -> tuple[str, Subject, str]:
        host = self._hosts.get((cell.folder, cell.device)) or cell.device
        return cell.folder, subject(cell), host


def over_the_usual(
    points: Mapping[int, Point], over: Mapping[int, Over | None]
) -> tuple[dict[int, Point], int]:
    """Return points without the speedups over another baseline than most, and how many those are.

    over: the baseline of each point that has one.
    """
    known = [over[at] for at, point in points.items() if point.value is not None and over[at] is not None]
    usual = max(dict.fromkeys(reversed(known)), key=known.count, default=None)
    other = {at for at, point in points.items() if point.value is not None and over[at] not in (None, usual)}
    kept = {
        at: structs.replace(point, value=None, low=None, high=None) if at in other else point
        for at, point in points.items()
    }
    return kept, len(other)
