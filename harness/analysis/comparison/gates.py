"""Which gates a cell fails, and which the data can't decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec.structs import replace

from harness.record import Interval
from harness.record.comparison import CellFigures, ComparedCell, Gate, Limits

Outcome = Literal["passed", "failed", "undecided"]

_MEASURED = ("ok", "partial", "fallback")
_BROKEN = ("refused", "crashed", "timeout")


def judged(cell: ComparedCell, limits: Limits, unsure: bool) -> ComparedCell:
    """Return the cell with the gates that it fails.

    A gate fails where the whole interval lies beyond its limit, passes where the whole interval is within,
    and is undecided in between, or without an interval. With `limits.undecided` "fail", undecided ones fail.
    unsure: nothing about times and memory can be decided: the two runs measured the cell on different
    machines, or share launches.
    """
    if not limits.gated or cell.base is None or cell.base.status not in _MEASURED:
        return cell  # there was nothing that could get worse
    outcomes = dict(_outcomes(cell, cell.head, limits, unsure))
    undecided = tuple(gate for gate, outcome in outcomes.items() if outcome == "undecided")
    failing = ("failed", "undecided") if limits.undecided == "fail" else ("failed",)
    failed = tuple(gate for gate, outcome in outcomes.items() if outcome in failing)
    return replace(cell, failed=failed, undecided=undecided)


def _outcomes(
    cell: ComparedCell, head: CellFigures | None, limits: Limits, unsure: bool
) -> Iterator[tuple[Gate, Outcome]]:
    if head is None or head.status not in _MEASURED:
        yield "status", _status(head)
        return
    if limits.latency is not None:
        outcome = _beyond(_slowdown(cell.ratio), limits.latency)
        doubtful = unsure or (cell.yardstick and outcome == "failed")  # or the machine became slower
        yield "latency", "undecided" if doubtful else outcome
    if limits.size is not None:
        yield "size", _exact(cell.size_change, limits.size)
    if limits.memory is not None:
        yield "memory", "undecided" if unsure else _beyond(cell.memory_change, limits.memory)
    if limits.accuracy is not None and (cell.base is None or cell.base.accuracy or head.accuracy):
        yield "accuracy", _beyond(_loss(cell), limits.accuracy)
    if limits.ops is not None:
        yield "ops", _exact(cell.ops_change, limits.ops)


def _status(head: CellFigures | None) -> Outcome:
    """Return "failed" for what broke; a cell that was not asked for or has no hardware here is undecided."""
    return "failed" if head is not None and head.status in _BROKEN else "undecided"


def _slowdown(ratio: Interval | None) -> Interval | None:
    """Return HEAD's time / BASE's - 1."""
    if ratio is None or ratio.low is None or ratio.high is None:
        return None
    return Interval(1 / ratio.value - 1, 1 / ratio.high - 1, 1 / ratio.low - 1)


def _loss(cell: ComparedCell) -> Interval | None:
    """Return how much accuracy was lost: an error that grew, or a share or score that fell."""
    change, known = cell.accuracy_change, cell.base and cell.base.accuracy
    if change is None or (known and known.metric in ("mse", "mae")):
        return change
    low, high = (None if bound is None else -bound for bound in (change.high, change.low))
    return Interval(-change.value, low, high)


def _beyond(change: Interval | None, limit: float) -> Outcome:
    if change is None or change.low is None or change.high is None:
        return "undecided"
    if change.low > limit:
        return "failed"
    return "passed" if change.high <= limit else "undecided"


def _exact(change: float | None, limit: float) -> Outcome:
    if change is None:
        return "undecided"
    return "failed" if change > limit else "passed"
