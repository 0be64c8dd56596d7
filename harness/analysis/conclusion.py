"""The conclusion over cells with the same baseline: the fastest, its ties, what is undecided.

Made of a document's cells alone, so that stored and pooled runs are read as a fresh one is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from msgspec.structs import asdict, astuple
from harness.accelerators import barring

from harness.analysis.distance import is_far
from harness.record import Document, Fidelity, Row, Speedup

Cell = Row  # a cell of the result document
Verdict = Literal["fastest", "tied", "baseline", "not-shown", "none"]

# Another model, outputs that are none or wrong, no time: fast means nothing there. Accelerators have more.
NO_WINNERS = barring() | {
    "interface-differs",
    "nan-output",
    "variant-differs",
    "delegate-differs",
    "zero-times",
}
_ALIKE_DB = 3.0  # twice the noise
_ROUNDING_DB = 100.0  # from here on only float32's own rounding differs


@dataclass(frozen=True)
class Conclusion:
    """Of one model and baseline.

    `cell` has the star: the fastest one (`verdict` "fastest"); of several that can't be told apart the one
    with the best fidelity ("tied"); the baseline, because all others are slower ("baseline") or none is
    shown to be faster ("not-shown"); None where every cell is barred ("none").
    """

    model: str
    verdict: Verdict
    cell: Cell | None
    reason: str | None = None  # what decided among ties: SQNR, top-1, ops, size or speed
    ties: list[Cell] = field(default_factory=list)  # as fast, as far as can be told; the fastest first
    undecided: list[Cell] = field(default_factory=list)  # may be faster than the baseline, or not
    budget_s: float | None = None  # about what would decide the first of them
    barred: list[Cell] = field(default_factory=list)  # faster, but ruled out by a warning or their status

    def as_dict(self) -> dict[str, Any]:
        """The conclusion as the result document has it, with cells by their id."""
        return {
            "model": self.model,
            "verdict": self.verdict,
            "cell": None if self.cell is None else self.cell.id,
            "reason": self.reason,
            "ties": [cell.id for cell in self.ties],
            "undecided": [cell.id for cell in self.undecided],
            "budget_s": self.budget_s,
            "barred": [cell.id for cell in self.barred],
        }


def conclude(document: Document) -> list[Conclusion]:
    """One conclusion for each model and baseline; nothing where there was nothing to compare."""
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in document.cells:
        if cell.speedup is not None:
            groups.setdefault((cell.model, *astuple(cell.speedup.baseline)), []).append(cell)
    precision, budget_s = document.precision or 0.01, document.budget_s
    return [_of_group(group, precision, budget_s) for group in groups.values() if len(group) > 1]


def could_be_one(speedup: Speedup) -> bool:
    """True where the interval includes 1, or there is none: no difference was shown."""
    return not _has_interval(speedup) or speedup.low <= 1 <= speedup.high


def barred_by(cell: Cell) -> list[str]:
    """The reasons that rule a cell out: its status, or its warnings' codes in order; empty for a real one."""
    if cell.status not in ("ok", "partial"):  # fell back to the CPU, or failed in a later launch
        return [cell.status]
    found = [warning.code for warning in cell.warnings if warning.code in NO_WINNERS]
    if (
        not found and cell.fidelity and is_far(_figures(cell.fidelity))
    ):  # of runs stored before it was a warning
        found = ["variant-differs"]
    if not found and not (cell.latency_ms and cell.latency_ms.median):
        found = ["zero-times"]
    return [*dict.fromkeys(found)]


def _of_group(group: Sequence[Cell], precision: float, budget_s: float | None) -> Conclusion:
    model = group[0].model
    real = [cell for cell in group if not barred_by(cell)]
    out = [cell for cell in group if cell not in real]
    alone = not any(cell.baseline for cell in real)  # the baseline itself is barred, or a fallback
    shown = [cell for cell in real if cell.baseline or _is_faster(cell)]
    if alone:  # whatever has an interval; else a single launch has to do
        shown = [cell for cell in real if _has_interval(cell.speedup)] or real
    if not shown:
        return Conclusion(model, "none", None, barred=_fastest_first(out))
    first = _fastest_first(shown)[0]
    barred = _fastest_first(cell for cell in out if _value(cell) > _value(first))
    if first.baseline:
        return _baseline(model, first, real, precision, budget_s, barred)
    alike = [cell for cell in real if cell is first or _may_be_as_fast(cell, first)]
    winner, reason = _pick([cell for cell in alike if cell in shown])
    ties = _fastest_first(cell for cell in alike if cell is not winner)
    verdict: Verdict = "tied" if ties else "fastest"
    return Conclusion(model, verdict, winner, reason if ties else None, ties, barred=barred)


def _baseline(
    model: str,
    baseline: Cell,
    real: Sequence[Cell],
    precision: float,
    budget_s: float | None,
    barred: list[Cell],
) -> Conclusion:
    equal = [cell for cell in real if not cell.baseline and could_be_one(cell.speedup)]
    if not equal:
        return Conclusion(model, "baseline", baseline, barred=barred)
    undecided = _fastest_first(cell for cell in equal if _half_width(cell) > precision)
    needed = _budget(undecided[0], precision, budget_s) if undecided else None
    return Conclusion(model, "not-shown", baseline, undecided=undecided, budget_s=needed, barred=barred)


def _budget(cell: Cell, precision: float, budget_s: float | None) -> float | None:
    """About the --budget at which the interval leaves out 1, or is as narrow as asked; None if unknown.

    An interval narrows with the square root of the launches. Rounded up to one digit.
    """
    if not budget_s or _value(cell) <= 0 or not math.isfinite(_half_width(cell)):
        return None
    needed = max(abs(math.log(_value(cell))), precision)
    raw = budget_s * max(_half_width(cell) / needed, 1.5) ** 2
    digit = 10.0 ** math.floor(math.log10(raw))
    return math.ceil(raw / digit - 1e-9) * digit


def _pick(alike: Sequence[Cell]) -> tuple[Cell, str | None]:
    """The cell to take of those that are as fast, and what decided."""
    left = _fastest_first(alike)
    best_db = max(map(_sqnr_db, left))
    steps = (
        ("SQNR", lambda cell: _sqnr_db(cell) >= best_db - _ALIKE_DB),
        ("top-1", _top1),
        ("ops", _delegated),
        ("size", lambda cell: -(cell.size_bytes or math.inf)),
        ("speed", _value),
    )
    for reason, figure in steps:
        best = max(map(figure, left))
        kept = [cell for cell in left if figure(cell) == best]
        if len(kept) == 1 and len(left) > 1:
            return kept[0], reason
        left = kept
    return left[0], None


def _sqnr_db(cell: Cell) -> float:
    """The SQNR in dB, capped at what float32's rounding leaves; -inf for outputs that were not compared."""
    fidelity = cell.fidelity
    if fidelity is None:
        return -math.inf
    if fidelity.sqnr_db is None:
        return _ROUNDING_DB if fidelity.max_abs_error == 0 else -math.inf
    return min(float(fidelity.sqnr_db), _ROUNDING_DB)


def _top1(cell: Cell) -> float:
    same = cell.fidelity.top1_agreement if cell.fidelity else None
    return 1.0 if same is None else float(same)


def _delegated(cell: Cell) -> float:
    """More where fewer ops were left: a share would reward the ops that only convert inputs and outputs."""
    ops = cell.ops
    return float(ops.delegated - ops.total) if ops else -math.inf


def _value(cell: Cell) -> float:
    return float(cell.speedup.value)


def _is_faster(cell: Cell) -> bool:
    return not could_be_one(cell.speedup) and _low(cell) > 1


def _low(cell: Cell) -> float:
    """The interval's lower bound; the value itself where there is no interval."""
    low = cell.speedup.low
    return _value(cell) if low is None else float(low)


def _high(cell: Cell) -> float:
    high = cell.speedup.high
    return _value(cell) if high is None else float(high)


def _half_width(cell: Cell) -> float:
    """Half the width of the interval's logarithm: a relative error; infinite without an interval."""
    if not _has_interval(cell.speedup) or _low(cell) <= 0:
        return math.inf
    return math.log(_high(cell) / _low(cell)) / 2


def _has_interval(speedup: Speedup) -> bool:
    return speedup.low is not None and speedup.high is not None


def _may_be_as_fast(cell: Cell, first: Cell) -> bool:
    """True if the intervals overlap. A missing one reaches from the value up: nothing was shown."""
    return _low(first) <= _high(cell) and (_low(cell) <= _high(first) or not _has_interval(cell.speedup))


def _fastest_first(cells: Iterable[Cell]) -> list[Cell]:
    """Equal ones by their id, so that the order of a document's cells decides nothing."""
    return sorted(cells, key=lambda cell: (-_value(cell), str(cell.id)))


def _figures(fidelity: Fidelity) -> dict[str, Any]:
    return {key: value for key, value in asdict(fidelity).items() if value is not None}
