"""Reasons for ops left on the CPU: what was left as observed, why from the rules that predict it.

`qbench inspect` and `qbench compat` say the same, because they ask the same rules. Observed beats
predicted: an op that was delegated although the rules leave it has no line here, and one that was left
although they expect it to be delegated is said to be just that.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from delegates.wire import OTHER_OPS, OpGroup, Ops
from harness.record import ExpectedOps

UNEXPECTED = "left although the rules expect it to be delegated; no reason known"


def explained(ops: Ops, expected: ExpectedOps | None) -> Ops:
    """Each group without a reason of the delegate's own, divided by the reasons of its nodes."""
    if expected is None or not any(map(_open, ops.not_delegated)):
        return ops
    told = {group.op for group in ops.not_delegated}
    groups: list[OpGroup] = []
    for group in ops.not_delegated:
        if group.op == OTHER_OPS:
            groups += _named(group, told, expected)
        else:
            groups += _divided(group, expected) if _open(group) else [group]
    return replace(ops, not_delegated=groups)


def _open(group: OpGroup) -> bool:
    """Whether the rules may know more of a group than the delegate tells."""
    return group.op == OTHER_OPS or (bool(group.nodes) and not group.reason)


def _named(group: OpGroup, told: Collection[str], expected: ExpectedOps) -> list[OpGroup]:
    """Ops that a delegate only counts, by name and reason, if the rules leave just as many."""
    if None in expected.delegated:
        return [group]
    nodes: dict[tuple[str, str | None], list[int]] = {}
    for index, (op, delegated) in enumerate(zip(expected.ops, expected.delegated, strict=True)):
        if not delegated and op not in told:
            nodes.setdefault((op, expected.reasons[index]), []).append(index)
    if sum(map(len, nodes.values())) != group.count:
        return [group]
    return [OpGroup(op, len(found), [], reason, found) for (op, reason), found in nodes.items()]


def _divided(group: OpGroup, expected: ExpectedOps) -> list[OpGroup]:
    nodes: dict[str | None, list[int]] = {}
    for node in group.nodes:
        nodes.setdefault(_reason(node, group.op, expected), []).append(node)
    return [
        replace(group, count=len(indices), reason=reason, nodes=indices) for reason, indices in nodes.items()
    ]


def _reason(node: int, op: str, expected: ExpectedOps) -> str | None:
    """The rules' reason for one node; None if they were asked about another file."""
    if not 0 <= node < len(expected.ops) or expected.ops[node] != op:
        return None
    return UNEXPECTED if expected.delegated[node] else expected.reasons[node]
