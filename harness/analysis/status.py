"""What became of a cell, in one word and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.accelerators import ACCELERATORS, label

if TYPE_CHECKING:
    from delegates.wire import Failure, OpGroup, Ops
    from harness.store import Cell, Run

_STATUS_OF_STAGE = {
    "runtime": "unavailable",
    "delegate": "unavailable",
    "link": "unavailable",
    "crash": "crashed",
    "timeout": "timeout",
}
_OPS_NAMED = 4  # kinds of ops named one by one in a reason

Verdict = tuple[str, str | None]  # status, reason


def verdict(cell: Cell, run: Run, ops: Ops | None) -> Verdict:
    """Status and reason as CONTRACT.md's result document wants them; `ops` is what the delegate took."""
    status, reason = _verdict(cell, run, ops)
    return status, " ".join(reason.split()) if reason else None


def cell_ops(cell: Cell) -> Ops | None:
    """What the delegate took, as the first launch that could tell says.

    Of a compiled variant it counts the ops of the variant, which the compiler has put together to one.
    """
    ops = next((m.ops for m in cell.measurements if m.ops is not None), None)
    if ops is None or cell.compiled is None:
        return ops
    return ACCELERATORS[cell.delegate].count(ops, cell.compiled.artifact)


def _verdict(cell: Cell, run: Run, ops: Ops | None) -> Verdict:
    if cell.skipped is not None:
        return "skipped", cell.skipped
    if cell.refused is not None:
        return "refused", cell.refused
    if cell.unavailable is not None:
        return "unavailable", cell.unavailable
    if cell.refusal is not None:
        return _STATUS_OF_STAGE.get(cell.refusal.stage, "refused"), _why_refused(cell.refusal, cell)
    if cell.measurements:
        return _from_ops(cell.delegate, ops)
    return _unanswered(run)


def _unanswered(run: Run) -> Verdict:
    if run.interrupted:
        return "skipped", "interrupted before it was measured"
    if run.finished_at is None:
        return "skipped", "the run had not come to it yet when this was stored"
    return "crashed", "the device ended without an answer for this cell"


def _why_refused(refusal: Failure, cell: Cell) -> str:
    reason = refusal.reason
    if refusal.signal and refusal.signal not in reason:
        reason += f" ({refusal.signal})"
    if cell.measurements:
        done = len(cell.measurements)
        reason += f"; the figures are those of the {done} launch{'es' if done > 1 else ''} before"
    return reason


def _from_ops(delegate: str, ops: Ops | None) -> Verdict:
    """The `cpu` delegate has nothing to hand over to: all its ops ran where they were asked to."""
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
    """ "3 ADD, 1 SOFTMAX": the most frequent first."""
    counts: dict[str, int] = {}
    for group in groups:
        counts[group.op] = counts.get(group.op, 0) + group.count
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{count} {op}" for op, count in ranked[:_OPS_NAMED]]
    others = sum(count for _, count in ranked[_OPS_NAMED:])
    rest = [f"{others} other{'s' if others > 1 else ''}"] if others else []
    return ", ".join([*named, *rest])
