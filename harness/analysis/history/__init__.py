"""The courses of cells over stored runs, with the steps in them: pure functions from the index's rows."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence

from msgspec import structs

from harness.analysis.history import exact
from harness.analysis.history.courses import Line, Name, lines
from harness.analysis.history.judging import judged
from harness.analysis.history.steps import FEWEST
from harness.record import subject
from harness.record.history import Course, Figure, Step
from harness.store.index import CellEntry, CellFilter, RunEntry

_EXACT: tuple[Figure, ...] = ("size", "sqnr", "ops")


def courses(
    runs: Sequence[RunEntry],
    cells: Iterable[CellEntry],
    figure: Figure,
    within: float,
    order: Sequence[str] | None = None,
    wanted: CellFilter = CellFilter(),  # noqa: B008 - it is frozen
) -> tuple[Course, ...]:
    """Return the course of each cell that is wanted, with its steps. runs: the newest first.

    within: the least change that counts. order: the revisions, the oldest first, if the runs of each are
    pooled into one point. wanted: the others only tell what the machine did.
    """
    found = lines(runs, cells, figure, order)
    shown = [line for line in found if wanted.has(line.name)]
    if figure in _EXACT:
        return tuple(_course(line, exact.changes(line.points, figure), None) for line in shown)
    groups: dict[tuple[Hashable, ...], list[Line]] = {}
    for line in found:
        groups.setdefault(_group(line, figure), []).append(line)
    steps_of: dict[Name, list[Step]] = {}
    for group in groups.values():
        logs = [_logs(line, figure) for line in group]
        asked = {number for number, line in enumerate(group) if wanted.has(line.name)}
        steps_of |= zip((line.name for line in group), judged(logs, within, asked), strict=True)
    return tuple(_course(line, _placed(line, steps_of[line.name]), _note(line, order)) for line in shown)


def _group(line: Line, figure: Figure) -> tuple[Hashable, ...]:
    """Return what names the cells that move together: those of a machine, or those with one baseline."""
    name = line.name
    return (subject(name) if figure == "speedup" else None, line.host, name.machine)


def _logs(line: Line, figure: Figure) -> dict[int, float]:
    """Return the logarithms of what was measured; none of a baseline's speedup, which is always 1."""
    values = {column: value for column, value in line.values.items() if value > 0}
    if figure == "speedup" and set(values.values()) == {1.0}:
        return {}
    return {column: math.log(value) for column, value in values.items()}


def _placed(line: Line, steps: Iterable[Step]) -> list[Step]:
    """Return steps with the positions of the points after and before them instead of columns."""
    measured = [at for at, point in enumerate(line.points) if point.value is not None]
    placed = []
    for step in steps:
        at = next(at for at in measured if line.columns[at] >= step.at)
        last = max(one for one in measured if one < at)
        placed.append(structs.replace(step, at=at, last=last))
    return placed


def _course(line: Line, steps: Sequence[Step], note: str | None) -> Course:
    name = line.name
    every = sorted([*steps, *exact.states(line.points)], key=lambda step: step.at)
    return Course(
        id=line.id,
        model=name.model,
        variant=name.variant,
        device=name.device,
        delegate=name.delegate,
        threads=name.threads,
        shape=name.shape,
        signature=name.signature,
        host=line.host,
        machine=name.machine,
        points=line.points,
        steps=tuple(every),
        note=note,
    )


def _note(line: Line, order: Sequence[str] | None) -> str | None:
    """Return why no step was looked for, and which runs were not; None if all were."""
    count, left_out, said = len(line.values), line.left_out, []
    if left_out:
        counted = "1 run is" if left_out == 1 else f"{left_out} runs are"
        said.append(f"{counted} left out: speedups over another baseline")
    if count < FEWEST:
        noun = "run" if order is None else "revision"
        counted = f"1 {noun} is" if count == 1 else f"{count} {noun}s are"
        said.append(f"{counted} too few to find a step; {FEWEST} needed")
    return "; ".join(said) or None
