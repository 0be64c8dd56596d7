"""One of the two runs of a comparison: its cells with their rows, times and baselines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from harness.analysis import timing
from harness.analysis.baseline import baselines, machine_of
from harness.analysis.comparison.accuracy import Scored, scored
from harness.analysis.names import Key, key
from harness.analysis.timing import Timing
from harness.record import Cell, CellRun, Document, Row, Run, Variant


class Part(NamedTuple):
    """A cell of one run. baseline: its key, if the cell has one in its run."""

    cell: Cell
    run: CellRun
    row: Row
    timing: Timing
    baseline: Key | None
    scored: Scored | None = None

    @property
    def measured(self) -> bool:
        """True if the cell was measured to the end."""
        return self.row.status in ("ok", "partial", "fallback") and self.row.latency_ms is not None


def parts(run: Run, document: Document) -> Mapping[Key, Part]:
    """Return the cells of a run by key. document: derived from the run, with a row per cell in its order."""
    baseline_of, accuracies = baselines(run), scored(run)
    found = {}
    for entry, row in zip(run.cells, document.cells, strict=True):
        baseline = baseline_of.get(entry.cell.id)
        times = timing.of(entry.launches)
        found[key(entry.cell)] = Part(
            entry.cell,
            entry,
            row,
            times,
            None if baseline is None else key(baseline),
            accuracies.get(key(entry.cell)),
        )
    return found


def same_file(base: Part, head: Part) -> bool | None:
    """Return whether both ran the same file on the same runtime, with the same options; None if not known."""
    files = [_file(part.cell) for part in (base, head)]
    if None in files:
        return None
    return files[0] == files[1] and _setting(base) == _setting(head)


def on_one_machine(one: Cell, other: Cell) -> bool:
    """Return whether two cells of a run are on the same machine."""
    return machine_of(one) == machine_of(other)


def _file(cell: Cell) -> str | None:
    if cell.artifact is not None:
        return cell.artifact.sha256 or None
    return cell.variant.sha256 if isinstance(cell.variant, Variant) else None


def _setting(part: Part) -> tuple[object, ...]:
    """Return what else decides how fast a file runs, of what a run knows."""
    device, delegate = part.cell.device, part.cell.delegate
    affinity = None if device.profile is None else device.profile.affinity
    launches = part.run.launches
    runtimes = {(launch.runtime, launch.runtime_version) for launch in launches}
    return runtimes or {(device.runtime, device.runtime_version)}, dict(delegate.options), affinity
