"""Lists of rows sorted by a score (detections, top-k), spread over several outputs: compared in any order.

Two kernels whose scores differ by a hair put the same boxes into another order. Laid side by side by
position their outputs then have nothing in common, although nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Pair = tuple[Array, Array]  # reference and candidate of one output, shape (samples, ...)

_PAIRS_IN_ORDER = 8  # neighbours, over all samples, that can't be sorted by chance
_MOST_ROWS = 4096  # what is compared each with each
_CLOSE = 0.1  # of a row's energy, which is 10 dB


class Aligned(NamedTuple):
    """Pairs in which rows of the list that were found in both stand side by side, the others left out.

    `found`: the share of the reference's rows that the candidate has, too; None where there is no list.
    """

    pairs: list[Pair]
    found: float | None


def align(pairs: Sequence[Pair]) -> Aligned:
    """Bring the candidate's rows into the reference's order, where the outputs are a list of rows.

    A list is one output that falls along its last axis in every sample (the scores) with others that
    begin with the same shape (boxes, classes, indices). Where less than half of the rows are found again,
    the pairs stay as they are.
    """
    scores = _scores(pairs)
    if scores is None:
        return Aligned(list(pairs), None)
    shape = pairs[scores][0].shape
    payload = [i for i, (ref, _) in enumerate(pairs) if i != scores and ref.shape[: len(shape)] == shape]
    rows = [_rows(pairs[i], shape) for i in payload]
    matches = [_match([(ref[k], cand[k]) for ref, cand in rows]) for k in range(len(rows[0][0]))]
    found = sum(map(len, matches)) / (len(matches) * shape[-1])
    if found < 0.5:
        return Aligned(list(pairs), found)
    aligned = list(pairs)
    for i, (ref, cand) in zip(payload, rows, strict=True):
        kept = [(ref[k][list(m)], cand[k][list(m.values())]) for k, m in enumerate(matches) if m]
        aligned[i] = np.concatenate([r for r, _ in kept]), np.concatenate([c for _, c in kept])
    return Aligned(aligned, found)


def _scores(pairs: Sequence[Pair]) -> int | None:
    """Which output holds the scores: of those that are sorted and have company, the one that varies most."""
    sorted_ = [
        i
        for i, (ref, cand) in enumerate(pairs)
        if _falls(ref) and _falls(cand) and _has_company(pairs, i) and ref.shape[-1] <= _MOST_ROWS
    ]
    return max(sorted_, key=lambda i: len(np.unique(pairs[i][0])), default=None)


def _falls(values: Array) -> bool:
    if values.ndim < 2 or values.shape[-1] < 2:
        return False
    steps = np.diff(values, axis=-1)
    return steps.size >= _PAIRS_IN_ORDER and bool((steps <= 0).all() and (steps < 0).any())


def _has_company(pairs: Sequence[Pair], place: int) -> bool:
    shape = pairs[place][0].shape
    others = (ref.shape for i, (ref, _) in enumerate(pairs) if i != place)
    return any(other[: len(shape)] == shape and len(other) <= len(shape) + 1 for other in others)


def _rows(pair: Pair, shape: tuple[int, ...]) -> Pair:
    """As (lists, rows, values of a row)."""
    lists = int(np.prod(shape[:-1]))
    ref, cand = (array.reshape(lists, shape[-1], -1) for array in pair)
    return ref, cand


def _match(outputs: Sequence[Pair]) -> dict[int, int]:
    """Row of the reference -> the same row of the candidate, each used once; of one list."""
    free = np.ones(len(outputs[0][1]), bool)
    found = {}
    for row in range(len(outputs[0][0])):
        same = free.copy()
        for ref, cand in outputs:
            same &= _same(ref[row], cand)
        if same.any():
            # The nearest place of those that fit: equal rows stay where they are.
            places = np.flatnonzero(same)
            found[row] = int(places[np.argmin(np.abs(places - row))])
            free[found[row]] = False
    return found


def _same(row: Array, others: Array) -> npt.NDArray[np.bool_]:
    """Which rows are this one: equal where all are whole numbers (classes), else within 10 dB of it."""
    noise = np.sum((others - row) ** 2, axis=1)
    whole = bool((row == np.rint(row)).all() and (others == np.rint(others)).all())
    close: npt.NDArray[np.bool_] = noise <= (0.0 if whole else _CLOSE * float(np.sum(row**2)))
    return close
