"""What a run that was cut short lacks, and which cells a run that resumes it has to measure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec.structs import replace

from harness.analysis.baseline import baselines, machine_of
from harness.analysis.names import Key, key
from harness.analysis.reference import reference, same_on_cpu
from harness.record import Cell, CellRun, Done, Ended, Pending, Run, Unavailable, subject


def lacking(runs: Sequence[Run]) -> set[Key]:
    """Return the cells that a run and those that resumed it lack, in that order.

    A cell lacks if it was not measured to the end or was not available. What was skipped, refused, crashed
    or timed out is an answer.
    """
    answered = {key(entry.cell) for run in runs for entry in run.cells if not _lacks(entry, run)}
    return {key(entry.cell) for entry in runs[0].cells} - answered


def _lacks(entry: CellRun, run: Run) -> bool:
    match entry.ended:
        case Unavailable():
            return True
        case Done():
            return not entry.launches  # they are damaged
        case Pending():
            return not (entry.launches and _is_over(entry.cell, run))
    return False


def _is_over(cell: Cell, run: Run) -> bool:
    """Return whether a machine had finished with the subject of a cell: it measures one after the other.

    Then the stopping rule was satisfied, however few launches there are.
    """
    if run.finished_at is not None and not run.interrupted:
        return True
    subjects = [*dict.fromkeys(subject(entry.cell) for entry in run.cells)]
    later = subjects[subjects.index(subject(cell)) + 1 :]
    return any(
        entry.launches and subject(entry.cell) in later and machine_of(entry.cell) == machine_of(cell)
        for entry in run.cells
    )


class Needed:
    """The cells that a run has to measure to resume another.

    run: the run that lacks cells, joined with those that have resumed it already. ended: how cells that it
    lacks have ended before they are measured, by key; the others are expected to be measured.
    """

    def __init__(self, run: Run, lacks: Collection[Key], ended: Mapping[Key, Ended]) -> None:
        cells = [_hoped(entry, ended) if key(entry.cell) in lacks else entry for entry in run.cells]
        self._run = replace(run, cells=tuple(cells))
        self._launches = {entry.cell.id: {one.launch for one in entry.launches} for entry in run.cells}
        self._baselines = baselines(self._run)
        self.cells = set(lacks)
        measured = {name for name in lacks if name not in ended}
        measured |= {key(cell) for cell in self._unpaired(measured)}
        self.cells |= measured
        for entry in cells:
            if key(entry.cell) in measured:
                self.cells |= {key(cell) for cell in self._companions(entry.cell)}

    @property
    def baseline_ids(self) -> set[str]:
        """The ids of the baselines, as they are chosen when the runs are shown as one."""
        return {cell.id for cell in self._baselines.values()}

    def _unpaired(self, measured: Collection[Key]) -> Iterator[Cell]:
        """Yield the cells whose baseline is yet to be measured: none of their launches can be compared."""
        for entry in self._run.cells:
            baseline = self._baselines.get(entry.cell.id)
            if baseline is None or not entry.launches or key(baseline) not in measured:
                continue
            if not self._launches[entry.cell.id] & self._launches[baseline.id]:
                yield entry.cell

    def _companions(self, cell: Cell) -> Iterator[Cell]:
        """Yield what a cell is compared with: times are compared within one run only, and so are outputs."""
        sound = [one.cell for one in self._run.cells if one.launches or isinstance(one.ended, Pending)]
        for companion in (
            self._baselines.get(cell.id),
            reference(cell, sound),
            same_on_cpu(cell, sound),
        ):
            if companion is not None:
                yield companion


def _hoped(entry: CellRun, ended: Mapping[Key, Ended]) -> CellRun:
    return replace(entry, ended=ended.get(key(entry.cell), Pending()))
