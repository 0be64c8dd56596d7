"""Resume a run that was cut short: find what it lacks, which is then measured as a run of its own."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from harness import store
from harness.analysis import pooling
from harness.analysis.differences import some
from harness.analysis.names import Key, key
from harness.analysis.resuming import Needed, lacking
from harness.devices.machines import Machine
from harness.errors import DeviceError, ResultsError
from harness.record import Cell, Header, Run
from harness.record.plain import plain_object
from harness.session.indexing import list_runs
from harness.session.plan import Plan
from harness.session.stored import Note, with_resumed
from harness.store.index import RunFilter
from harness.store.summary import being_written


class NothingToMeasureError(ResultsError):
    """What a run lacks can't be measured now, either."""

    exit_code = 3


@dataclass(frozen=True)
class Resumed:
    """A run that is resumed. runs: it and those that have resumed it already, the oldest first."""

    runs: tuple[Run, ...]
    lacks: frozenset[Key]

    @property
    def run_id(self) -> str:
        """The id of the last of the runs."""
        return self.runs[-1].header.run_id

    @property
    def planned(self) -> int:
        """How many cells were planned."""
        return len(self.runs[0].cells)

    def wants(self, cell: Cell) -> bool:
        """Return whether a cell may have to be measured."""
        return key(cell) in self._hoped.cells

    def narrowed(self, plan: Plan, header: Header, opened: Sequence[Machine]) -> tuple[Plan, set[str]]:
        """Return the plan with only the cells that have to be measured, and the ids of the baselines.

        Raises ResultsError if something is not as it was; DeviceError or NothingToMeasureError if no cell can
        be measured.
        """
        pooling.check_resumable(self.runs[0], _with_governors(plan.as_run(header), opened))
        if gone := self.lacks - {key(one.cell) for one in plan.cells}:
            names = sorted(f"{model} {cell}" for model, cell, *_ in gone)
            raise ResultsError(
                f"run {self.run_id} can't be resumed, because there is no longer {some(names, ', ')}"
            )
        ended = {key(one.cell): one.ended for one in plan.cells if one.ended is not None}
        if self.lacks <= ended.keys():
            unmeasured = [one for one in plan.cells if key(one.cell) in self.lacks]
            why = dict.fromkeys(str(getattr(one.ended, "reason", "")) for one in unmeasured)
            unreachable = any(one.device.state.problem for one in unmeasured)
            raise (DeviceError if unreachable else NothingToMeasureError)(
                f"what run {self.run_id} lacks can't be measured now, either: {'; '.join(why)}"
            )
        needed = Needed(self._together, self.lacks, ended)
        return plan.narrowed(lambda cell: key(cell) in needed.cells), needed.baseline_ids

    @functools.cached_property
    def _together(self) -> Run:
        return pooling.resumed(self.runs)

    @functools.cached_property
    def _hoped(self) -> Needed:
        return Needed(self._together, self.lacks, {})


def find_resumed(name: str, results: Path, note: Note) -> Resumed:
    """Find the run to resume. If others have resumed it, go on from the last of them. Raises ResultsError."""
    folder = store.find(name, results, note)
    while (later := _resumed_by(folder, note)) is not None:
        note(f"run {folder.name} has been resumed by {later.name}: going on from there")
        folder = later
    if being_written(folder):
        raise ResultsError(f"run {folder.name} is still being measured; wait until it has ended")
    runs = with_resumed(store.load(folder, folder.parent), folder, note)
    if any(run.exported is not None for run in runs):
        raise ResultsError(f"run {folder.name} has no record, as an older qbench stored it; measure anew")
    if runs[0].header.against is not None:
        raise ResultsError(
            f"run {folder.name} compares two sides (--against), which can't be resumed; measure both anew"
        )
    return Resumed(tuple(runs), frozenset(lacking(runs)))


def _resumed_by(folder: Path, note: Note) -> Path | None:
    """Return the folder of the newest run that resumes the one in a folder; None if there is none."""
    run_id = store.load(folder, folder.parent).header.run_id
    entries, _, _ = list_runs(folder.parent, RunFilter(), note)
    return next((folder.parent / entry.folder for entry in entries if entry.resumes == run_id), None)


def _with_governors(run: Run, opened: Sequence[Machine]) -> Run:
    """Return a run that is not measured yet with what probing said about its machines now."""
    facts = {
        profile.name: plain_object(machine.facts.changing)
        for machine in opened
        for profile in machine.profiles
        if machine.facts is not None
    }
    devices = [structs.replace(one, facts_before=facts.get(one.name, {})) for one in run.devices]
    return structs.replace(run, devices=tuple(devices))
