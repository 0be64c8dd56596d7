"""Choose among cells that are equally fast."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.analysis import intervals
from harness.record import Row

_ALIKE_DB = 3.0  # twice the noise
_ROUNDING_DB = 100.0  # above it, only float32's own rounding differs


def pick(alike: Sequence[Row]) -> tuple[Row, str | None]:
    """Return the best of equally fast cells, and what decided: accuracy, SQNR, top-1, ops, size or speed."""
    left = intervals.fastest_first(alike)
    best_db = max(map(_sqnr_db, left))
    steps: tuple[tuple[str, Callable[[Row], float]], ...] = (
        ("accuracy", lambda row: not _is_worse(row)),
        ("SQNR", lambda row: _sqnr_db(row) >= best_db - _ALIKE_DB),
        ("top-1", _top1),
        ("ops", _delegated),
        ("size", lambda row: -(row.size_bytes or math.inf)),
        ("speed", intervals.value),
    )
    for reason, figure in steps:
        best = max(map(figure, left))
        kept = [row for row in left if figure(row) == best]
        if len(kept) == 1 and len(left) > 1:
            return kept[0], reason
        left = kept
    return left[0], None


def _is_worse(row: Row) -> bool:
    """Return whether a row's accuracy is shown to be below float32's."""
    drop = None if row.accuracy is None else row.accuracy.drop
    return drop is not None and (drop.low or 0.0) > 0


def _sqnr_db(row: Row) -> float:
    """Return the SQNR in dB, at most _ROUNDING_DB; -inf for outputs that were not compared."""
    if row.fidelity is None:
        return -math.inf
    if row.fidelity.sqnr_db is None:
        return _ROUNDING_DB if row.fidelity.max_abs_error == 0 else -math.inf
    return min(row.fidelity.sqnr_db, _ROUNDING_DB)


def _top1(row: Row) -> float:
    same = None if row.fidelity is None else row.fidelity.top1_agreement
    return 1.0 if same is None else same


def _delegated(row: Row) -> float:
    """Return minus the number of ops that were left; a share would reward extra conversion ops."""
    return float(row.ops.delegated - row.ops.total) if row.ops else -math.inf
