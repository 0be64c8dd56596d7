"""By how much a cell's accuracy changed from one run to another."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from harness.analysis import bootstrap, proportions
from harness.analysis.names import Key, key
from harness.analysis.scores import Scores, evaluation_of, scores
from harness.record import Interval, Run


class Scored(NamedTuple):
    """The scores of a cell. sha256: of the samples and labels."""

    scores: Scores
    sha256: str | None


def scored(run: Run) -> dict[Key, Scored]:
    """Return the scores of the cells that were evaluated; of pooled runs, from the one with most samples."""
    found: dict[Key, Scored] = {}
    for one in run.pooled or (run,):
        by_id = scores(one)
        for entry in one.cells:
            asked, mine = evaluation_of(entry.cell), by_id.get(entry.cell.id)
            known = found.get(key(entry.cell))
            if asked and mine and (known is None or len(known.scores.values) < len(mine.values)):
                found[key(entry.cell)] = Scored(mine, asked.sha256)
    return found


def accuracy_change(base: Scored | None, head: Scored | None) -> Interval | None:
    """Return HEAD's accuracy minus BASE's, sample by sample if both were evaluated on the same ones.

    Of an error as a part of BASE's, so that above 0 is worse. None if one of them is not known, or if they
    have different metrics.
    """
    if base is None or head is None or base.scores.metric != head.scores.metric:
        return None
    mine, theirs = base.scores, head.scores
    if not (np.isfinite(mine.values).all() and np.isfinite(theirs.values).all()):
        return None
    if base.sha256 is not None and base.sha256 == head.sha256:
        change = _paired(mine, theirs)
    else:
        change = _independent(mine, theirs)
    return _of_base(change, float(mine.values.mean())) if mine.is_error else change


def _paired(base: Scores, head: Scores) -> Interval:
    count = min(len(base.values), len(head.values))
    gained = head.values[:count] - base.values[:count]
    if not base.shares:
        return bootstrap.mean(gained)
    return proportions.paired_difference(int(np.sum(gained > 0)), int(np.sum(gained < 0)), count)


def _independent(base: Scores, head: Scores) -> Interval:
    if base.shares:
        counts = [(int(one.values.sum()), len(one.values)) for one in (head, base)]
        return proportions.difference(*counts[0], *counts[1])
    one, other = bootstrap.mean(head.values), bootstrap.mean(base.values)
    value = one.value - other.value
    if None in (one.low, one.high, other.low, other.high):
        return Interval(value, None, None)
    below = math.hypot(one.value - (one.low or 0.0), (other.high or 0.0) - other.value)
    above = math.hypot((one.high or 0.0) - one.value, other.value - (other.low or 0.0))
    return Interval(value, value - below, value + above)


def _of_base(change: Interval, base: float) -> Interval | None:
    """Return a change as a part of BASE's mean, which is taken as exact; None if that is zero."""
    if not base > 0:
        return None
    low, high = (None if bound is None else bound / base for bound in (change.low, change.high))
    return Interval(change.value / base, low, high)
