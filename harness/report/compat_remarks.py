"""The remarks of the compatibility report. Equal remarks about several cells are joined."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from harness import versions
from harness.analysis.compat import CompatCell, CompatVariant
from harness.record import FailedVariant, subject
from harness.report.compat_matrix import column, entry
from harness.report.figures import clean, some
from harness.report.inspection import op_and_version

_NAMED = 5  # variants or ops that a remark names


@dataclass(frozen=True)
class Remark:
    """A remark of the report. All its texts are single printable lines."""

    where: str  # delegate and runtime, or a model
    what: str  # ops, or variants
    reason: str
    remedy: str | None = None
    source: str | None = None


def remark(
    where: str, what: str, reason: str, remedy: str | None = None, source: str | None = None
) -> Remark:
    """Make a remark of texts from outside, which become printable."""
    return Remark(
        clean(where),
        clean(what),
        clean(reason),
        clean(remedy) if remedy else None,
        clean(source) if source else None,
    )


def differences(cells: Iterable[CompatCell]) -> list[Remark]:
    """Return a remark for each cell that a run observed otherwise than predicted."""
    return [
        remark(
            f"{column(cell)} on {cell.device}",
            f"{subject(cell)} {cell.variant}",
            f"run {seen.run_id} saw {entry(cell).text}" + (f": {seen.reason}" if seen.reason else ""),
        )
        for cell in cells
        if (seen := cell.observed) is not None and seen.matches is False
    ]


def in_the_way(cells: Iterable[CompatCell]) -> list[Remark]:
    """Return remarks about ops that may not be delegated, joined by delegate, runtime and reason.

    Cells whose observation differs from the prediction, or shows that all ops are delegated, are left out.
    """
    groups: dict[Remark, list[tuple[str, str]]] = {}
    for cell in cells:
        seen = cell.observed
        if seen is not None and (seen.matches is False or seen.outcome == "all"):
            continue
        for ops in cell.in_the_way:
            verdict = f"likely {ops.verdict}" if ops.likely else ops.verdict
            reason = ops.reason or "no reason is known"
            key = Remark(column(cell), verdict, reason, ops.remedy, ops.source)
            groups.setdefault(key, []).append((ops.op, cell.variant))
    remarks = [
        remark(
            key.where,
            f"{_some(op for op, _ in users)} {key.what} ({_some(variant for _, variant in users)})",
            key.reason,
            key.remedy,
            key.source,
        )
        for key, users in groups.items()
    ]
    return sorted(remarks, key=lambda remark: remark.where)


def refusals(cells: Iterable[CompatCell]) -> list[Remark]:
    """Return remarks about files that are or may be refused, unless a run observed that they load."""
    groups: dict[Remark, list[str]] = {}
    for cell in cells:
        if (key := _refusal(cell)) is not None:
            groups.setdefault(key, []).append(f"{subject(cell)} {cell.variant}")
    return [
        remark(key.where, _some(names), key.reason, key.remedy, key.source) for key, names in groups.items()
    ]


def _refusal(cell: CompatCell) -> Remark | None:
    """Return the remark about a refused cell, without its variant; None if it is not refused."""
    refusal, seen = cell.predicted.refusal, cell.observed
    if seen is not None and seen.outcome == "refused" and seen.matches is None:
        run = f"run {seen.run_id}"
        return Remark(f"{column(cell)}: refused", "", f"{run} saw: {seen.reason}", None, run)
    if refusal is not None and (seen is None or seen.outcome == "refused"):
        word = "refused" if refusal.certain else "perhaps refused"
        return Remark(f"{column(cell)}: {word}", "", refusal.reason, refusal.remedy, refusal.source)
    return None


def needed_releases(variants: Iterable[CompatVariant]) -> list[Remark]:
    """Return remarks about the oldest release that loads each variant, joined by release, oldest first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for variant in variants:
        if variant.needs is not None:
            ops = _some(map(op_and_version, variant.needs.ops))
            groups.setdefault((variant.needs.release or "", ops), []).append(
                f"{subject(variant)} {variant.name}"
            )
    ranked = sorted(groups.items(), key=lambda item: versions.release(item[0][0]) or (math.inf,))
    return [remark(_release(release), _some(names), f"because of {ops}") for (release, ops), names in ranked]


def _release(text: str) -> str:
    return f"TensorFlow Lite {text} or newer" if text else "a TensorFlow Lite newer than all known here"


def failures(failed: Iterable[FailedVariant]) -> list[Remark]:
    """Return remarks about variants that could not be made."""
    return [remark(str(subject(failure)), failure.name, failure.reason) for failure in failed]


def _some(names: Iterable[str]) -> str:
    return some([clean(name) for name in dict.fromkeys(names)], _NAMED)
