"""Each cell of the two runs with its verdict and everything about it that changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from harness.analysis import shift
from harness.analysis.comparison.accuracy import accuracy_change
from harness.analysis.comparison.latency import Compared, Parts, Times, of_runs
from harness.analysis.comparison.side import Part, same_file
from harness.record import Interval, Row
from harness.record.comparison import CellFigures, ComparedCell, FidelityChange, Limits, Verdict

N = TypeVar("N", int, float)


def compared_cells(
    base: Parts, head: Parts, limits: Limits, times: Times = of_runs
) -> tuple[ComparedCell, ...]:
    """Return every cell of either run: in HEAD's order, then those that only BASE has.

    times: what tells how many times faster each cell of both is.
    """
    compared = times(base, head, limits)
    names = [*head, *(name for name in base if name not in head)]
    cells = []
    for name in names:
        known = _named(base.get(name), head.get(name))
        if name in base and name in head:
            known = _in_both(known, base[name], head[name], compared[name], limits.within)
        cells.append(known)
    return tuple(cells)


def _named(base: Part | None, head: Part | None) -> ComparedCell:
    """Return a cell with its names and figures, not compared yet."""
    (row, *_) = (part.row for part in (head, base) if part is not None)
    return ComparedCell(
        id=row.id or "/".join((row.model, row.variant, row.delegate, row.device, str(row.threads))),
        model=row.model,
        variant=row.variant,
        device=row.device,
        delegate=row.delegate,
        threads=row.threads,
        shape=row.shape,
        signature=row.signature,
        verdict="only_head" if base is None else "only_base",
        base=None if base is None else _figures(base.row),
        head=None if head is None else _figures(head.row),
    )


def _in_both(known: ComparedCell, base: Part, head: Part, compared: Compared, within: float) -> ComparedCell:
    return replace(
        known,
        verdict=_verdict(base, head, compared.ratio, within, compared.yardstick),
        ratio=compared.ratio,
        as_measured=compared.as_measured,
        relative=compared.relative,
        relative_to=compared.relative_to,
        clock=compared.clock,
        yardstick=compared.yardstick,
        same_file=same_file(base, head),
        reason=compared.reason,
        size_change=_relative(base.row.size_bytes, head.row.size_bytes),
        memory_change=_memory(base, head),
        accuracy_change=accuracy_change(base.scored, head.scored),
        ops_change=_minus(_left(base.row), _left(head.row)),
        fidelity_change=_fidelity(base.row, head.row),
    )


def _verdict(base: Part, head: Part, ratio: Interval | None, within: float, yardstick: bool) -> Verdict:
    if not (base.measured and head.measured):
        return "not_measured"
    if ratio is None or ratio.low is None or ratio.high is None:
        return "undecided"
    if 1 / (1 + within) <= ratio.low and ratio.high <= 1 + within:
        return "same"
    if yardstick or ratio.low <= 1 <= ratio.high:
        return "undecided"
    return "faster" if ratio.low > 1 else "slower"


def _figures(row: Row) -> CellFigures:
    left: dict[str, int] = {}
    for group in row.ops.not_delegated if row.ops else ():
        left[group.op] = left.get(group.op, 0) + group.count
    return CellFigures(
        status=row.status,
        reason=row.reason,
        median_ms=row.latency_ms.median if row.latency_ms else None,
        size_bytes=row.size_bytes,
        peak_memory_bytes=row.peak_memory_bytes,
        ops_total=row.ops.total if row.ops else None,
        ops_left=_left(row),
        left=left,
        sqnr_db=row.fidelity.sqnr_db if row.fidelity else None,
        top1_agreement=row.fidelity.top1_agreement if row.fidelity else None,
        accuracy=row.accuracy,
        warnings=tuple(warning.code for warning in row.warnings),
    )


def _left(row: Row) -> int | None:
    return row.ops.total - row.ops.delegated if row.ops else None


def _memory(base: Part, head: Part) -> Interval | None:
    """Return how much more memory HEAD's launches have at their peak, as a fraction of BASE's."""
    if not (base.measured and head.measured):
        return None
    found = shift.ratio(_peaks(base), _peaks(head))
    if found is None:
        value = _relative(base.row.peak_memory_bytes, head.row.peak_memory_bytes)
        return None if value is None else Interval(value, None, None)
    low, high = (None if bound is None else bound - 1 for bound in (found.low, found.high))
    return Interval(found.value - 1, low, high)


def _peaks(part: Part) -> Sequence[float]:
    return [math.log(launch.peak_memory_bytes) for launch in part.run.launches if launch.peak_memory_bytes]


def _fidelity(base: Row, head: Row) -> FidelityChange | None:
    """Return how the outputs' distance changed; None if they were compared with different cells."""
    mine, theirs = base.fidelity, head.fidelity
    if mine is None or theirs is None or mine.reference != theirs.reference:
        return None
    return FidelityChange(
        _minus(mine.sqnr_db, theirs.sqnr_db), _minus(mine.top1_agreement, theirs.top1_agreement)
    )


def _relative(base: int | None, head: int | None) -> float | None:
    return head / base - 1 if base and head is not None else None


def _minus(base: N | None, head: N | None) -> N | None:
    return None if base is None or head is None else head - base
