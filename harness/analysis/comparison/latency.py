"""How many times faster a cell is in HEAD than in BASE.

Two runs can be compared in two ways. Floors as they were measured hold whatever the machine itself did
otherwise on another day. Speedups over a cell that is the same in both runs are free of that, but hold what
that cell did otherwise. Nothing in the two runs tells which is more, so the interval spans both
(docs/statistics.md, "Comparing runs"). The two sides of one run met the same machine in the same turns: the
ratio of their launches is all there is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from harness.analysis import shift
from harness.analysis.comparison.side import Part, on_one_machine, same_file
from harness.analysis.machines import same_machine
from harness.analysis.names import Key
from harness.analysis.speedup import paired
from harness.analysis.timing import Timing
from harness.record import BaselineName, Interval
from harness.record.comparison import By, Clock, Limits

Parts = Mapping[Key, Part]

_NOT_STORED = "there are no samples of it, and medians have no interval"
_NO_INTERVAL = "there is no interval: too few launches, or they differ too much"


class Compared(NamedTuple):
    """The ratio of two times, BASE's / HEAD's. Fields: see ComparedCell."""

    ratio: Interval | None = None
    as_measured: Interval | None = None
    relative: Interval | None = None
    relative_to: BaselineName | None = None
    clock: Clock | None = None
    reason: str | None = None
    yardstick: bool = False  # others are compared relative to this one


Times = Callable[[Parts, Parts, Limits], Mapping[Key, Compared]]
_Logs = list[float]  # logarithms of speeds, one per launch, in one run


def of_runs(base: Parts, head: Parts, limits: Limits) -> dict[Key, Compared]:
    """Compare the cells that two runs have in common."""
    controls = {} if limits.by == "latency" else yardsticks(base, head)
    used = set(controls.values())
    return {
        name: compare(name, controls.get(name), base, head, limits.by)._replace(yardstick=name in used)
        for name in base.keys() & head.keys()
    }


def not_compared(why: str, base: Parts, head: Parts, _: Limits) -> dict[Key, Compared]:
    """Compare no times, for a reason."""
    return {name: Compared(reason=why) for name in base.keys() & head.keys()}


def of_sides(base: Parts, head: Parts, _: Limits) -> dict[Key, Compared]:
    """Compare the cells that both sides of a run have, launch by launch, as speedups are."""
    return {name: _paired(base[name], head[name]) for name in base.keys() & head.keys()}


def _paired(base: Part, head: Part) -> Compared:
    problem = _problem(base, head)
    if problem is not None:
        return Compared(reason=problem)
    shared = set(base.timing.floors) & set(head.timing.floors)
    if not shared:
        return Compared(reason="they have no launch in common" if base.timing.floors else _NOT_STORED)
    ratio = paired(base.timing, head.timing)
    clock = _clock((one, shared) for one in (base.timing, head.timing))
    unknown = ratio is None or ratio.low is None
    return Compared(ratio, as_measured=ratio, clock=clock, reason=_NO_INTERVAL if unknown else None)


def yardsticks(base: Parts, head: Parts) -> dict[Key, Key]:
    """Return the cell that each cell is compared relative to, by key; cells without one are left out.

    It is the baseline of either run, if both measured it and nothing about it has changed: not its file, its
    runtime, its options or its machine.
    """
    found = {}
    for name in base.keys() & head.keys():
        for control in (base[name].baseline, head[name].baseline):
            if control is not None and control != name and _is_yardstick(control, name, base, head):
                found[name] = control
                break
    return found


def compare(name: Key, control: Key | None, base: Parts, head: Parts, by: By) -> Compared:
    """Compare a cell of both runs. control: the cell to compare it relative to, if there is one."""
    mine, theirs = base[name], head[name]
    problem = _problem(mine, theirs)
    if problem is not None:
        return Compared(reason=problem)
    clock, as_measured = _as_measured(mine, theirs)
    relative = None if control is None else _relative(name, control, base, head)
    if by == "speedup" and relative is not None:
        ratio = relative
    else:
        ratio = _spanning(as_measured, None if by == "latency" else relative)
    reason = None if ratio.low is not None else _NO_INTERVAL if clock else _NOT_STORED
    relative_to = control[1] if control is not None and relative is not None else None
    return Compared(ratio, as_measured, relative, relative_to, clock, reason)


def _as_measured(base: Part, head: Part) -> tuple[Clock | None, Interval]:
    """Compare floors; medians, which give no interval, where there are no samples."""
    timings = [base.timing, head.timing]
    clock = _clock((one, set(one.floors)) for one in timings)
    logs = [_speeds(_floors(one, clock)) for one in timings]
    ratio = _ratio(logs, timings)
    if ratio is not None:
        return clock, ratio
    medians = [part.row.latency_ms.median for part in (base, head) if part.row.latency_ms]
    return None, Interval(medians[0] / medians[1], None, None)


def _relative(name: Key, control: Key, base: Parts, head: Parts) -> Interval | None:
    """Compare the speedups over `control`, launch by launch; None if that can't be done."""
    if _problem(base[control], head[control]):
        return None
    pairs = [(run[name].timing, run[control].timing) for run in (base, head)]
    shared = [set(mine.floors) & set(theirs.floors) for mine, theirs in pairs]
    if not all(shared):
        return _of_rows(base[name], head[name], control[1])
    clock = _clock((one, launches) for pair, launches in zip(pairs, shared, strict=True) for one in pair)
    logs = [_speedups(_floors(mine, clock), _floors(theirs, clock)) for mine, theirs in pairs]
    return _ratio(logs, [one for pair in pairs for one in pair])


def _spanning(one: Interval, other: Interval | None) -> Interval:
    """Return an interval that holds both; if one of them has no bounds, the other."""
    if other is None or other.low is None or other.high is None:
        return one
    if one.low is None or one.high is None:
        return other
    middle = math.sqrt(one.value * other.value)
    return Interval(middle, min(one.low, other.low), max(one.high, other.high))


def _ratio(logs: Sequence[_Logs], timings: Sequence[Timing]) -> Interval | None:
    return shift.ratio(logs[0], logs[1], max(one.clock_error for one in timings))


def _of_rows(base: Part, head: Part, control: BaselineName) -> Interval | None:
    """Compare the stored speedups of two cells, of runs without samples, if they are over the same cell."""
    mine, theirs = base.row.speedup, head.row.speedup
    if mine is None or theirs is None or not mine.baseline == theirs.baseline == control:
        return None
    return shift.combined(mine, theirs) if mine.value > 0 < theirs.value else None


def _is_yardstick(control: Key, name: Key, base: Parts, head: Parts) -> bool:
    if control not in base or control not in head:
        return False
    mine, theirs = base[control], head[control]
    return (
        mine.measured
        and theirs.measured
        and bool(same_file(mine, theirs))
        and same_machine(mine.cell.device, theirs.cell.device)
        and on_one_machine(mine.cell, base[name].cell)
        and on_one_machine(theirs.cell, head[name].cell)
    )


def _problem(base: Part, head: Part) -> str | None:
    """Return why times can't be compared; None if they can."""
    for where, part in (("BASE", base), ("HEAD", head)):
        if not part.measured:
            skipped = part.row.status == "skipped"  # on paper, or because the run was interrupted
            return f"not measured in {where}: {(skipped and part.row.reason) or part.row.status}"
        if not (part.timing.has_times and part.row.latency_ms and part.row.latency_ms.median):
            return f"the clock stood still in {where}"
    return None


def _clock(timings: Iterator[tuple[Timing, set[int]]]) -> Clock:
    """Return CPU time where all cells measured it in all launches that count, else wall time.

    Both runs are compared by one kind, as the cells of one run are (delegates.stats.comparable).
    """
    return "cpu" if all(launches <= set(one.cpu_time_floors) for one, launches in timings) else "wall"


def _floors(timing: Timing, clock: Clock) -> Mapping[int, float]:
    return timing.cpu_time_floors if clock == "cpu" else timing.floors


def _speeds(floors: Mapping[int, float]) -> _Logs:
    return [-math.log(floor) for floor in floors.values() if floor > 0]


def _speedups(floors: Mapping[int, float], control: Mapping[int, float]) -> _Logs:
    known = [(floors[n], control[n]) for n in floors.keys() & control.keys() if floors[n] > 0 < control[n]]
    return [math.log(theirs / mine) for mine, theirs in known]
