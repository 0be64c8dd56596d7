"""The status of a cell: one word, and one sentence that explains it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from delegates.wire import OpGroup, Ops
from harness.accelerators import ACCELERATORS, label
from harness.record import (
    CellRun,
    Crashed,
    Done,
    Ended,
    Pending,
    Refused,
    Run,
    Skipped,
    Status,
    TimedOut,
    Unavailable,
)

_STATUS: dict[type[Ended], Status] = {
    Skipped: "skipped",
    Unavailable: "unavailable",
    Refused: "refused",
    Crashed: "crashed",
    TimedOut: "timeout",
}
# Ends that are not listed (0) don't outweigh what another run measured.
_SEVERITY: dict[type[Ended], int] = {Done: 1, TimedOut: 2, Refused: 3, Crashed: 4}
_OPS_NAMED = 4  # kinds of ops that a reason names


def ended(cell: CellRun, run: Run) -> Ended:
    """Return how a cell of a run ended. A pending cell is resolved: done, interrupted or not reached yet."""
    if not isinstance(cell.ended, Pending | Done):
        return cell.ended
    if cell.launches:
        return Done()
    if run.interrupted:
        return Skipped("interrupted before it was measured")
    if run.finished_at is None:
        return Skipped("the run had not come to it yet when this was stored")
    return Crashed("the device ended without an answer for this cell")


def worst(ends: Iterable[Ended]) -> Ended:
    """Return the worst of several ends; of equals, the first."""
    return max(ends, key=lambda end: _SEVERITY.get(type(end), 0))


def status(end: Ended, delegate: str, ops: Ops | None, launches: int) -> tuple[Status, str | None]:
    """Return status and reason for the result document (docs/results.md). ops: the result of `cell_ops`."""
    if isinstance(end, Pending | Done):
        word, reason = _from_ops(delegate, ops)
    else:
        word, reason = _STATUS[type(end)], _sentence(end, launches)
    return word, " ".join(reason.split()) if reason else None


def cell_ops(cell: CellRun) -> Ops | None:
    """Return the delegated ops, from the launch in which fewest were; None if no launch could tell.

    A compiled file holds one op in place of many; its ops are counted as those of the original variant.
    """
    known = [launch.ops for launch in cell.launches if launch.ops is not None]
    least = min(known, key=_taken, default=None)
    accelerator = ACCELERATORS.get(cell.cell.delegate.name)
    if least is None or accelerator is None or cell.cell.artifact is None:
        return least
    return accelerator.count(least, cell.cell.artifact)


def _taken(ops: Ops) -> int:
    """Return 0 if no ops were delegated, 1 if some were, 2 if all were."""
    return 2 if ops.delegated >= ops.total else 1 if ops.delegated else 0


def _sentence(end: Skipped | Unavailable | Refused | Crashed | TimedOut, launches: int) -> str:
    reason, worker = end.reason, None if isinstance(end, Skipped) else end.worker
    if worker is not None and worker.signal and worker.signal not in reason:
        reason += f" ({worker.signal})"
    if launches:
        reason += f"; the figures are those of the {launches} launch{'es' if launches > 1 else ''} before"
    return reason


def _from_ops(delegate: str, ops: Ops | None) -> tuple[Status, str | None]:
    """Return status and reason by the delegated ops. On the `cpu` delegate all count as delegated."""
    if delegate == "cpu" or ops is None or ops.delegated >= ops.total:
        return "ok", None
    return "partial" if ops.delegated else "fallback", _why_not_all(delegate, ops)


def _why_not_all(delegate: str, ops: Ops) -> str:
    name = label(delegate)
    head = f"{name[0].upper()}{name[1:]} took {ops.delegated} of {ops.total} ops"
    by_reason: dict[str | None, list[OpGroup]] = {}
    for group in ops.not_delegated:
        by_reason.setdefault(group.reason or None, []).append(group)
    unknown = by_reason.pop(None, [])
    if len(by_reason) == 1 and not unknown and not ops.delegated:
        return f"{head}: {next(iter(by_reason))}"  # one reason for every op: naming them adds nothing
    parts = [f"{reason} ({_count(groups)})" for reason, groups in by_reason.items()]
    if unknown:
        parts.append(f"no reason known for {_count(unknown)}")
    return f"{head}: {'; '.join(parts)}" if parts else head


def _count(groups: Sequence[OpGroup]) -> str:
    """Return ops by kind, the most frequent first: "3 ADD, 1 SOFTMAX"."""
    counts: dict[str, int] = {}
    for group in groups:
        counts[group.op] = counts.get(group.op, 0) + group.count
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{count} {op}" for op, count in ranked[:_OPS_NAMED]]
    others = sum(count for _, count in ranked[_OPS_NAMED:])
    rest = [f"{others} other{'s' if others > 1 else ''}"] if others else []
    return ", ".join([*named, *rest])
