"""The conclusion over cells with the same baseline: the fastest, its ties, what is undecided.

It is derived from the rows of a document alone, so that fresh, stored and pooled runs are treated alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from delegates import stats
from delegates.wire import DEFAULT_PRECISION
from harness import record
from harness.accelerators import barring
from harness.analysis import intervals, ties
from harness.analysis.distance import is_far
from harness.analysis.intervals import could_be_one
from harness.analysis.sides import document_of
from harness.record import BaselineName, Document, Row, Subject, subject

__all__ = ["NO_WINNERS", "Conclusion", "Verdict", "barred_by", "conclude", "could_be_one"]

Verdict = Literal["fastest", "tied", "baseline", "not-shown", "none"]

# Codes of warnings that bar a cell from the star: another model, wrong outputs, or no valid times.
NO_WINNERS = barring() | {
    "interface-differs",
    "nan-output",
    "variant-differs",
    "delegate-differs",
    "zero-times",
}


@dataclass(frozen=True)
class Conclusion:
    """The conclusion of one subject and baseline.

    `cell` gets the star. The verdict says why: it is "fastest"; it is "tied" with others and has the best
    fidelity of them; it is the "baseline", and all others are slower; it is the baseline because no other
    is shown to be faster ("not-shown"). If all cells are barred, it is None and the verdict "none".
    """

    subject: Subject
    verdict: Verdict
    cell: Row | None
    reason: str | None = None  # what decided among ties: SQNR, top-1, ops, size or speed
    ties: list[Row] = field(default_factory=list)  # not shown to be slower than `cell`; fastest first
    undecided: list[Row] = field(default_factory=list)  # may be faster than the baseline, or not
    budget_s: float | None = None  # about the budget that would decide the first undecided cell
    barred: list[Row] = field(default_factory=list)  # faster, but ruled out by a warning or their status

    def by_id(self) -> record.Conclusion:
        """Return the conclusion as the result document stores it, with cells named by id."""
        return record.Conclusion(
            model=self.subject.model,
            shape=self.subject.shape,
            signature=self.subject.signature,
            verdict=self.verdict,
            cell=None if self.cell is None else self.cell.id,
            reason=self.reason,
            ties=_ids(self.ties),
            undecided=_ids(self.undecided),
            budget_s=self.budget_s,
            barred=_ids(self.barred),
        )


def conclude(document: Document) -> list[Conclusion]:
    """Return one conclusion per subject and baseline; none for one with a single cell, none about BASE."""
    groups: dict[tuple[Subject, BaselineName], list[Row]] = {}
    for row in document_of(document, "head").cells:
        if row.speedup is not None:
            groups.setdefault((subject(row), row.speedup.baseline), []).append(row)
    precision = DEFAULT_PRECISION if document.precision is None else document.precision
    return [_of_group(group, precision, document.budget_s) for group in groups.values() if len(group) > 1]


def barred_by(row: Row) -> list[str]:
    """Return what bars a cell from the star: its status, or the codes of its warnings; empty if nothing."""
    if row.status not in ("ok", "partial"):  # it fell back to the CPU, or failed in a later launch
        return [row.status]
    codes = [warning.code for warning in row.warnings if warning.code in NO_WINNERS]
    if not codes and row.fidelity and is_far(row.fidelity):  # runs stored before this warning existed
        codes = ["variant-differs"]
    if not codes and not (row.latency_ms and row.latency_ms.median):
        codes = ["zero-times"]
    return [*dict.fromkeys(codes)]


def _ids(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(row.id or f"{row.variant}/{row.delegate}@{row.device}" for row in rows)


def _of_group(group: Sequence[Row], precision: float, budget_s: float | None) -> Conclusion:
    about = subject(group[0])
    real = [row for row in group if not barred_by(row)]
    out = [row for row in group if row not in real]
    alone = not any(row.baseline for row in real)  # the baseline itself is barred, or a fallback
    shown = [row for row in real if row.baseline or intervals.is_faster(row)]
    if alone:  # prefer cells with an interval; without any, a single launch has to do
        shown = [row for row in real if intervals.has_interval(row)] or real
    if not shown:
        return Conclusion(about, "none", None, barred=intervals.fastest_first(out))
    first = intervals.fastest_first(shown)[0]
    barred = intervals.fastest_first(row for row in out if intervals.value(row) > intervals.value(first))
    if first.baseline:
        return _baseline(about, first, real, precision, budget_s, barred)
    alike = [row for row in real if row is first or intervals.may_be_as_fast(row, first)]
    winner, reason = ties.pick([row for row in alike if row in shown])
    equal = intervals.fastest_first(row for row in alike if row is not winner)
    verdict: Verdict = "tied" if equal else "fastest"
    return Conclusion(about, verdict, winner, reason if equal else None, equal, barred=barred)


def _baseline(
    about: Subject,
    baseline: Row,
    real: Sequence[Row],
    precision: float,
    budget_s: float | None,
    barred: list[Row],
) -> Conclusion:
    equal = [row for row in real if not row.baseline and could_be_one(intervals.of(row))]
    if not equal:
        return Conclusion(about, "baseline", baseline, barred=barred)
    undecided = intervals.fastest_first(
        row for row in equal if not stats.is_narrow(intervals.bounds(row), precision)
    )
    needed = _budget(undecided[0], precision, budget_s) if undecided else None
    return Conclusion(about, "not-shown", baseline, undecided=undecided, budget_s=needed, barred=barred)


def _budget(row: Row, precision: float, budget_s: float | None) -> float | None:
    """Estimate the --budget at which the interval excludes 1 or is as narrow as asked; None if unknown.

    An interval narrows with the square root of the launches. The result is rounded up to one digit.
    """
    half_width = intervals.half_width(row)
    if any(warning.code == "clock-interval" for warning in row.warnings):
        return None  # no number of launches makes the clock's steps finer
    if not budget_s or intervals.value(row) <= 0 or not math.isfinite(half_width):
        return None
    needed = max(abs(math.log(intervals.value(row))), precision)
    if not needed:
        return None  # no budget shows that two are the same to the last digit
    raw = budget_s * max(half_width / needed, 1.5) ** 2
    digit = 10.0 ** math.floor(math.log10(raw))
    return math.ceil(raw / digit - 1e-9) * digit
