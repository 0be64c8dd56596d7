"""Add reasons to the ops that a delegate left on the CPU.

Which ops were left is observed; the reasons come from the rules that `qbench inspect` and `qbench compat`
use, too. Where both disagree, the observation counts: an op that was left although the rules expect it to be
delegated gets UNEXPECTED as its reason.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from delegates.wire import OTHER_OPS, OpGroup, Ops
from harness.record import ExpectedOps

UNEXPECTED = "left although the rules expect it to be delegated; no reason known"


def explained(ops: Ops, expected: ExpectedOps | None) -> Ops:
    """Return the ops with reasons: groups for which the delegate gives none are divided by reason."""
    if expected is None or not any(map(_open, ops.not_delegated)):
        return ops
    named = {group.op for group in ops.not_delegated}
    groups: list[OpGroup] = []
    for group in ops.not_delegated:
        if group.op == OTHER_OPS:
            groups += _named(group, named, expected)
        else:
            groups += _divided(group, expected) if _open(group) else [group]
    return replace(ops, not_delegated=groups)


def _open(group: OpGroup) -> bool:
    """Return whether the delegate gives no reason for a group, so that the rules may add one."""
    return group.op == OTHER_OPS or (bool(group.nodes) and not group.reason)


def _named(group: OpGroup, named: Collection[str], expected: ExpectedOps) -> list[OpGroup]:
    """Name the ops that a delegate only counts, if the rules expect exactly as many to be left."""
    if None in expected.delegated:
        return [group]
    nodes: dict[tuple[str, str | None], list[int]] = {}
    for index, (op, delegated) in enumerate(zip(expected.ops, expected.delegated, strict=True)):
        if not delegated and op not in named:
            nodes.setdefault((op, expected.reasons[index]), []).append(index)
    if sum(map(len, nodes.values())) != group.count:
        return [group]
    return [OpGroup(op, len(indices), [], reason, indices) for (op, reason), indices in nodes.items()]


def _divided(group: OpGroup, expected: ExpectedOps) -> list[OpGroup]:
    nodes: dict[str | None, list[int]] = {}
    for node in group.nodes:
        nodes.setdefault(_reason(node, group.op, expected), []).append(node)
    return [
        replace(group, count=len(indices), reason=reason, nodes=indices) for reason, indices in nodes.items()
    ]


def _reason(node: int, op: str, expected: ExpectedOps) -> str | None:
    """Return the rules' reason for a node; None if the rules were applied to another file."""
    if not 0 <= node < len(expected.ops) or expected.ops[node] != op:
        return None
    return UNEXPECTED if expected.delegated[node] else expected.reasons[node]
