"""Steps that need no test: changes of a status, of sizes and of other figures that repeat exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.record.history import Figure, Point, Step

_LASTING = 3  # points that a status has to hold
_TOLERANCE: Mapping[Figure, float] = {"sqnr": 0.1}  # dB; the rest is exact
_PASSED_OVER = "unavailable"  # nothing is known of the cell then


class _State(NamedTuple):
    status: str
    ops_left: int | None

    def __str__(self) -> str:
        left = f", {self.ops_left} ops on the CPU" if self.status == "partial" and self.ops_left else ""
        return f"{self.status}{left}"


def changes(points: Sequence[Point], figure: Figure) -> list[Step]:
    """Return every change of a figure that repeats exactly, or nearly."""
    found, last = [], None
    for at, point in enumerate(points):
        if point.value is None:
            continue
        if last is not None:
            before, after = points[last].value or 0.0, point.value
            if abs(after - before) > _TOLERANCE.get(figure, 0.0):
                ratio = after / before - 1 if figure == "size" and before else None
                found.append(Step(at=at, last=last, kind="figure", before=before, after=after, change=ratio))
        last = at
    return found


def states(points: Sequence[Point]) -> list[Step]:
    """Return where a cell got another status, or left another number of ops on the CPU, for three points."""
    known = [
        (at, _State(point.status, point.ops_left))
        for at, point in enumerate(points)
        if point.status != _PASSED_OVER
    ]
    found: list[Step] = []
    held: tuple[int, _State] | None = None
    for number, (at, state) in enumerate(known):
        following = known[number : number + _LASTING]
        lasts = len(following) == _LASTING and all(other == state for _, other in following)
        if held is not None and lasts and state != held[1]:
            before, after = str(held[1]), str(state)
            found.append(Step(at=at, last=held[0], kind="status", before=before, after=after))
        if held is None or lasts or state == held[1]:
            held = (at, state)
    return found
