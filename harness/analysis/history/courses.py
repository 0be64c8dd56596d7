"""Put the cells of many runs in order: one course per cell and machine, the oldest point first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from harness.analysis.history.baselines import Baselines, Over, over_the_usual
from harness.analysis.machines import same_machine
from harness.record.history import Figure, Point
from harness.store.index import CellEntry, MachineEntry, RunEntry

MEASURED = ("ok", "partial", "fallback")


class Name(NamedTuple):
    """Which cell, on which of the machines that its device was; None where it was only one."""

    model: str
    variant: str
    device: str
    delegate: str
    threads: int
    shape: str | None
    signature: str | None
    machine: str | None


@dataclass(frozen=True)
class Line:
    """The points of a cell, each with the position of its run (or revision) among all that are shown.

    host: the machine that the device shares with others; "local" for all profiles of the user's own.
    left_out: how many runs have no value here because their speedup is over another baseline.
    """

    id: str
    name: Name
    host: str
    points: tuple[Point, ...]
    columns: tuple[int, ...]
    left_out: int = 0

    @property
    def values(self) -> dict[int, float]:
        """What was measured, by column."""
        pairs = zip(self.columns, self.points, strict=True)
        return {column: point.value for column, point in pairs if point.value is not None}


def lines(
    runs: Sequence[RunEntry], cells: Iterable[CellEntry], figure: Figure, order: Sequence[str] | None = None
) -> list[Line]:
    """Return the courses of cells. runs: the newest first.

    order: revisions, the oldest first, if the runs of each are pooled into one point. Runs without a
    revision, and of revisions that are not named, are left out then.
    """
    cells = [*cells]
    machines = machine_names(runs)
    baselines = Baselines(runs, cells) if figure == "speedup" else None
    over: dict[Name, dict[int, Over | None]] = {}
    by_folder = {run.folder: (column, run) for column, run in enumerate(reversed(runs))}
    points: dict[Name, dict[int, Point]] = {}
    ids: dict[Name, str] = {}
    for cell in cells:
        column, run = by_folder[cell.folder]
        name = Name(
            cell.model,
            cell.variant,
            cell.device,
            cell.delegate,
            cell.threads,
            cell.shape,
            cell.signature,
            machines.get((run.folder, cell.device)),
        )
        ids.setdefault(name, cell.plain_id)
        points.setdefault(name, {})[column] = _point(run, cell, figure)
        over.setdefault(name, {})[column] = None if baselines is None else baselines.of(cell)
    hosts = {one.name: one.machine or one.name for run in reversed(runs) for one in run.machines}
    found = [
        Line(ids[name], name, hosts.get(name.device, name.device), tuple(at.values()), tuple(at), left_out)
        for name, (at, left_out) in (
            (name, over_the_usual(dict(sorted(at.items())), over[name])) for name, at in points.items()
        )
    ]
    return found if order is None else [line for each in found if (line := _pooled(each, order)).points]


def machine_names(runs: Sequence[RunEntry]) -> dict[tuple[str, str], str]:
    """Return what to call the machine of a device in a run, for devices that were several ones.

    The keys are the run's folder and the device.
    """
    known: dict[str, list[MachineEntry]] = {}
    which: dict[tuple[str, str], int] = {}
    for run in reversed(runs):
        for one in run.machines:
            seen = known.setdefault(one.name, [])
            number = next((n for n, other in enumerate(seen) if same_machine(other, one)), len(seen))
            if number == len(seen):
                seen.append(one)
            which[run.folder, one.name] = number
    told = {device: _told_apart(seen) for device, seen in known.items() if len(seen) > 1}
    return {(folder, device): told[device][n] for (folder, device), n in which.items() if device in told}


def _told_apart(machines: Sequence[MachineEntry]) -> list[str]:
    """Return a name for each of several machines: what it is, and a number if that is not enough."""
    names = [_machine(one) for one in machines]
    return [f"{name} #{n + 1}" if names.count(name) > 1 else name for n, name in enumerate(names)]


def _machine(one: MachineEntry) -> str:
    cores = None if one.cores is None else f"{one.cores} cores"
    memory = None if one.memory_bytes is None else f"{one.memory_bytes / 1e9:.1f} GB"
    where = None if one.place == "local" else one.machine
    return ", ".join(fact for fact in (where, one.cpu or one.arch, cores, memory) if fact) or "unknown"


def _point(run: RunEntry, cell: CellEntry, figure: Figure) -> Point:
    value, low, high = _figure(cell, figure)
    git = run.git
    return Point(
        run_id=run.run_id,
        started_at=run.started_at,
        revision=None if git is None else git.revision,
        branch=None if git is None else git.branch,
        dirty=git is not None and git.dirty,
        status=cell.status,
        ops_left=_left(cell),
        value=value,
        low=low,
        high=high,
    )


def _left(cell: CellEntry) -> int | None:
    if cell.ops_total is None or cell.ops_delegated is None:
        return None
    return cell.ops_total - cell.ops_delegated


def _figure(cell: CellEntry, figure: Figure) -> tuple[float | None, float | None, float | None]:
    """Return a figure with its interval, if it has one."""
    if figure == "size":
        return cell.size_bytes, None, None
    if cell.status not in MEASURED:
        return None, None, None
    if figure == "speedup":
        return cell.speedup, cell.speedup_low, cell.speedup_high
    plain: Mapping[Figure, float | None] = {
        "latency": cell.floor_ms,
        "median": cell.latency_ms,
        "memory": cell.peak_memory_bytes,
        "sqnr": cell.sqnr_db,
        "ops": _left(cell),
    }
    return plain[figure], None, None


def _pooled(line: Line, order: Sequence[str]) -> Line:
    """Return the course with one point per revision, and one for its runs with changed files."""
    of: dict[tuple[str, bool], list[Point]] = {}
    for point in line.points:
        if point.revision is not None:
            of.setdefault((point.revision, point.dirty), []).append(point)
    keys = [(revision, dirty) for revision in order for dirty in (False, True)]
    kept = [(column, of[key]) for column, key in enumerate(keys) if key in of]
    return Line(
        line.id,
        line.name,
        line.host,
        tuple(_together(points) for _, points in kept),
        tuple(n for n, _ in kept),
        line.left_out,
    )


def _together(points: Sequence[Point]) -> Point:
    """Return several runs of a revision as one point: their median, and how far they are apart."""
    newest = points[-1]
    values = [point.value for point in points if point.value is not None]
    return Point(
        run_id=newest.run_id,
        started_at=newest.started_at,
        revision=newest.revision,
        branch=newest.branch,
        dirty=newest.dirty,
        runs=len(points),
        status=newest.status,
        ops_left=newest.ops_left,
        value=median(values) if values else None,
        low=min(values) if len(values) > 1 else newest.low if values else None,
        high=max(values) if len(values) > 1 else newest.high if values else None,
    )
