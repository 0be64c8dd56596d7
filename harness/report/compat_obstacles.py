"""What stands in the way, by remedy, as texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from harness.analysis.compat import CellName, CompatCell, Obstacle, ObstacleReason, standing
from harness.record import subject
from harness.report.compat_matrix import entry
from harness.report.compat_names import Pair, listed, named, pair, place, places
from harness.report.figures import clean, short, some

_OPS = 6  # kinds of ops that a reason names
_REASONS = 4  # of a remedy


@dataclass(frozen=True)
class Remark:
    """A remedy, or a reason without one, what it does for which cells, and the reasons behind it."""

    head: str
    effects: tuple[str, ...]
    reasons: tuple[str, ...]  # each with the number of its source


def sources(obstacles: Iterable[Obstacle]) -> list[str]:
    """Return the sources of all reasons, each once, in the order of their numbers."""
    found = (reason.source for obstacle in obstacles for reason in obstacle.reasons)
    return list(dict.fromkeys(clean(source) for source in found if source))


def remarks(obstacles: Sequence[Obstacle], cells: Sequence[CompatCell]) -> list[Remark]:
    """Return one remark per obstacle, in their order. cells: all of the report."""
    numbers = {source: number for number, source in enumerate(sources(obstacles), 1)}
    return [_remark(obstacle, cells, numbers) for obstacle in obstacles]


def differences(cells: Sequence[CompatCell]) -> list[str]:
    """Return a line for each cell that a run observed otherwise than predicted, or that failed."""
    every = places(cells)
    return [
        clean(f"{subject(cell)} {cell.variant} on {place(cell, every)}: {_difference(cell)}")
        for cell in cells
        if cell.failure is not None or (cell.observed is not None and cell.observed.matches is False)
    ]


def _difference(cell: CompatCell) -> str:
    predicted = entry(standing(replace(cell, observed=None, failure=None))).words
    source = cell.failure or cell.observed
    assert source is not None
    saw = entry(standing(cell)).words
    if cell.failure is not None:
        saw = {"crashed": "crashed", "timeout": "timed out"}.get(cell.failure.status, "failed")
    return f"{saw} (predicted {predicted}) in run {source.run_id}" + (
        f": {source.reason}" if source.reason else ""
    )


def _remark(obstacle: Obstacle, cells: Sequence[CompatCell], numbers: Mapping[str, int]) -> Remark:
    verbs = (
        ("unlocks", obstacle.unlocks),
        ("lifts the refusal of", obstacle.loads),
        (_verb(obstacle), obstacle.helps),
    )
    effects = tuple(clean(f"{verb} {_where(names, cells)}") for verb, names in verbs if names)
    reasons = [_reason(reason, numbers) for reason in obstacle.reasons]
    if obstacle.remedy is None:  # then all have the same reason
        return Remark(clean("; ".join([*map(_what, obstacle.reasons[1:]), reasons[0]])), effects, ())
    more = len(reasons) - _REASONS
    rest = [f"and {more} more like these"] if more > 0 else []
    return Remark(clean(obstacle.remedy), effects, (*reasons[:_REASONS], *rest))


def _reason(reason: ObstacleReason, numbers: Mapping[str, int]) -> str:
    number = f" [{numbers[clean(reason.source)]}]" if reason.source else ""
    return clean(f"{_what(reason)}: {reason.reason}") + number


def _verb(obstacle: Obstacle) -> str:
    """Return what an obstacle has to do with cells that its remedy alone does not unlock."""
    if any(reason.verdict == "wrong outputs" for reason in obstacle.reasons):
        return "concerns"
    return "helps, but is not enough for" if obstacle.remedy else "stands in the way of"


def _what(reason: ObstacleReason) -> str:
    ops = some([short(op) for op in reason.ops], _OPS)
    if not ops:
        return reason.verdict
    return ops if reason.verdict == "not taken" else f"{ops} {reason.verdict}"


def _where(names: Iterable[CellName], cells: Sequence[CompatCell]) -> str:
    """Return cells by place: "int8_float on edgetpu@coral; int16x8 on xnnpack and gpu"."""
    runtimes = places(cells)
    mine: dict[str, list[Pair]] = {}
    for name in names:
        mine.setdefault(place(name, runtimes), []).append(pair(name))
    every: dict[str, list[Pair]] = {}
    for cell in cells:
        every.setdefault(place(cell, runtimes), []).append(pair(cell))
    together: dict[str, list[str]] = {}
    for where, pairs in mine.items():
        together.setdefault(named(pairs, every[where]), []).append(where)
    return "; ".join(f"{which} on {listed(where, 'and')}" for which, where in together.items())
