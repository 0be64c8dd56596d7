"""What stands in the way of cells, by remedy: the remedy that unlocks the most cells first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.accelerators import Refusal, Verdict
from harness.analysis.compat.document import CompatCell, Observed, OpsInTheWay
from harness.analysis.compat.judged import CellName, Obstacle, ObstacleReason

_WHOLE = "refused", "perhaps refused"
_WRONG = "wrong outputs"
_LOADING_ONLY = "cpu"  # the runtime's own kernels: what they load, they run
_NO_REASON = "no reason is known"


@dataclass(frozen=True)
class _Block:
    """One thing that stands in the way of one cell."""

    remedy: str | None
    op: str | None  # None: the model as a whole
    verdict: str
    reason: str
    source: str | None = None

    @property
    def group(self) -> tuple[str | None, str | None]:
        """What it is joined by: its remedy, or its reason if no remedy is known."""
        return self.remedy, None if self.remedy else self.reason


@dataclass
class _Found:
    unlocks: list[CellName] = field(default_factory=list)
    loads: list[CellName] = field(default_factory=list)
    helps: list[CellName] = field(default_factory=list)
    reasons: dict[tuple[str, str, str | None], list[str]] = field(default_factory=dict)


def obstacles(cells: Iterable[CompatCell]) -> tuple[Obstacle, ...]:
    """Return what stands in the way, joined over cells by remedy. What has no known remedy comes last."""
    groups: dict[tuple[str | None, str | None], _Found] = {}
    for cell in cells:
        blocks = list(_blocks(cell))
        for remedy, reason in dict.fromkeys(block.group for block in blocks):
            found = groups.setdefault((remedy, reason), _Found())
            _effect(found, remedy, cell, blocks).append(_name(cell))
        for block in blocks:
            ops = groups[block.group].reasons.setdefault((block.verdict, block.reason, block.source), [])
            if block.op is not None and block.op not in ops:
                ops.append(block.op)
    ranked = sorted(groups.items(), key=lambda item: _rank(item[0][0], item[1]))
    return tuple(_obstacle(remedy, found) for (remedy, _), found in ranked)


def _effect(found: _Found, remedy: str | None, cell: CompatCell, blocks: list[_Block]) -> list[CellName]:
    """Return the list of cells for which a remedy does the same as for this one."""
    alone = remedy is not None and all(block.remedy == remedy for block in blocks)
    if not alone or any(block.verdict == _WRONG for block in blocks):
        return found.helps
    hidden = any(block.verdict in _WHOLE for block in blocks) and cell.delegate != _LOADING_ONLY
    return found.loads if hidden else found.unlocks


def _name(cell: CompatCell) -> CellName:
    return CellName(
        cell.model,
        cell.variant,
        cell.device,
        cell.delegate,
        cell.runtime,
        cell.runtime_version,
        cell.shape,
        cell.signature,
    )


def _rank(remedy: str | None, found: _Found) -> tuple[bool, int, int, int]:
    return remedy is None, -len(found.unlocks), -len(found.loads), -len(found.helps)


def _obstacle(remedy: str | None, found: _Found) -> Obstacle:
    reasons = tuple(ObstacleReason(tuple(ops), *key) for key, ops in found.reasons.items())
    return Obstacle(remedy, tuple(found.unlocks), tuple(found.loads), tuple(found.helps), reasons)


def _blocks(cell: CompatCell) -> Iterator[_Block]:
    """Yield what stands in the way of a cell. An observation settles what was uncertain."""
    seen, refusal = cell.observed, cell.predicted.refusal
    if cell.failure is not None:
        reason = cell.failure.reason or _NO_REASON
        yield _Block(None, None, "failed", reason, f"run {cell.failure.run_id}")
    if seen is None:
        yield from () if refusal is None else (_refused(refusal),)
        yield from (_of_ops(ops) for ops in cell.in_the_way)
    else:
        yield from _observed(cell, seen)


def _observed(cell: CompatCell, seen: Observed) -> Iterator[_Block]:
    run, refusal = f"run {seen.run_id}", cell.predicted.refusal
    for warning in seen.wrong:
        where = f"run {seen.compared_in}" if seen.compared_in else run
        yield _Block(warning.remedy, None, _WRONG, warning.message, where)
    if seen.outcome == "all":
        return
    if seen.outcome == "refused":
        if seen.matches and refusal is not None:
            yield _refused(refusal)
        else:
            yield _Block(None, None, "refused", seen.reason or _NO_REASON, run)
    elif seen.matches is False:
        yield _Block(None, None, "not taken", seen.reason or _NO_REASON, run)
    else:
        yield from (_of_ops(ops) for ops in cell.in_the_way if ops.verdict != Verdict.DELEGATED)


def _refused(refusal: Refusal) -> _Block:
    word = _WHOLE[not refusal.certain]
    return _Block(refusal.remedy, None, word, refusal.reason, refusal.source)


def _of_ops(ops: OpsInTheWay) -> _Block:
    verdict = f"likely {ops.verdict}" if ops.likely else ops.verdict
    return _Block(ops.remedy, ops.op, verdict, ops.reason or _NO_REASON, ops.source or None)
