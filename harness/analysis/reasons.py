"""Reasons for ops left on the CPU: what was left as observed, why from the rules that predict it.

`qbench inspect` and `qbench compat` say the same, because they ask the same rules. Observed beats
predicted: an op that was taken although the rules leave it has no line here, and one that was left although
they take it is said to be just that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delegates.backends.gpu_log import OTHER
from delegates.wire import OpGroup, Ops, Runtime
from harness.accelerators import OpVerdict, Prediction, Verdict, predict
from harness.tflite import ModelInfo, read_model_file

if TYPE_CHECKING:
    from harness.store import Cell, Device

UNEXPECTED = "left although the rules expect it to be delegated; no reason known"

Rules = tuple[ModelInfo, Prediction]


def of_cell(ops: Ops, cell: Cell, path: Path | None, device: Device) -> Ops:
    """`ops` as the cell's launches tell, with a reason for each op left where the rules know one."""
    if path is None or not any(map(_open, ops.not_delegated)):
        return ops
    told = next(m for m in cell.measurements if m.ops is not None)
    options = next((d.options for d in device.profile.delegates if d.name == cell.delegate), {})
    file = path if cell.compiled is None else cell.compiled.path
    rules = _rules(file, cell.delegate, Runtime(told.runtime, told.runtime_version), options)
    return ops if rules is None else explained(ops, *rules)


def explained(ops: Ops, model: ModelInfo, prediction: Prediction) -> Ops:
    """Each group without a reason of the delegate's own, divided by the reasons of its nodes."""
    told = {group.op for group in ops.not_delegated}
    groups: list[OpGroup] = []
    for group in ops.not_delegated:
        if group.op == OTHER:
            groups += _named(group, told, model, prediction)
        else:
            groups += _divided(group, model, prediction) if _open(group) else [group]
    return replace(ops, not_delegated=groups)


def _open(group: OpGroup) -> bool:
    """True where the rules may know more of a group than the delegate tells."""
    return group.op == OTHER or (bool(group.nodes) and not group.reason)


def _rules(path: Path, delegate: str, runtime: Runtime, options: Mapping[str, Any]) -> Rules | None:
    """The file's ops and their prediction; None if the file is gone or can't be predicted: a run goes on."""
    try:
        model = read_model_file(path)
        return model, predict(model, delegate, runtime, options)
    except Exception:
        return None


def _named(group: OpGroup, told: Collection[str], model: ModelInfo, prediction: Prediction) -> list[OpGroup]:
    """Ops that a delegate only counts, by name and reason, if the rules leave just as many."""
    nodes: dict[tuple[str, str | None], list[int]] = {}
    for index, (op, verdict) in enumerate(zip(model.ops, prediction.ops, strict=True)):
        if verdict.verdict is Verdict.UNCERTAIN:
            return [group]
        if verdict.verdict is Verdict.NOT_DELEGATED and op.name not in told:
            nodes.setdefault((op.name, verdict.reason), []).append(index)
    if sum(map(len, nodes.values())) != group.count:
        return [group]
    return [OpGroup(op, len(found), [], reason, found) for (op, reason), found in nodes.items()]


def _divided(group: OpGroup, model: ModelInfo, prediction: Prediction) -> list[OpGroup]:
    nodes: dict[str | None, list[int]] = {}
    for node in group.nodes:
        nodes.setdefault(_reason(node, group.op, model, prediction), []).append(node)
    return [
        replace(group, count=len(indices), reason=reason, nodes=indices) for reason, indices in nodes.items()
    ]


def _reason(node: int, op: str, model: ModelInfo, prediction: Prediction) -> str | None:
    """The rules' reason for one node; None if the file is another one, or was predicted not to load."""
    refused = prediction.refusal is not None and prediction.refusal.certain
    if refused or not 0 <= node < prediction.total or model.ops[node].name != op:
        return None
    return _in_words(prediction.ops[node])


def _in_words(verdict: OpVerdict) -> str | None:
    return UNEXPECTED if verdict.verdict is Verdict.DELEGATED else verdict.reason
