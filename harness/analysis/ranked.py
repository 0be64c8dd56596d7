"""Align ranked lists (detections, top-k), which are spread over several outputs, before comparing them.

Two kernels whose scores differ by rounding put the same boxes into another order. Compared by position,
their outputs would have nothing in common, although nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Pair = tuple[Array, Array]  # reference and candidate of one output, shape (samples, ...)

_PAIRS_IN_ORDER = 8  # neighbours, over all samples: fewer may be sorted by chance
_MOST_ROWS = 4096  # each row is compared with each
_CLOSE = 0.1  # of a row's energy, which is 10 dB
_LEAST = 1e-12  # weight of the position beside noise, to break ties


class Aligned(NamedTuple):
    """Pairs of outputs with matching rows of the list side by side; rows without a match are left out.

    A pair without any match is None. `found` is the share of the reference's required rows that the
    candidate has, too; None if there is no list, or no required row.
    """

    pairs: list[Pair | None]
    found: float | None


def align(pairs: Sequence[Pair]) -> Aligned:
    """Bring the candidate's rows into the reference's order, if the outputs form a ranked list.

    A list is one output that falls along its last axis in every sample (the scores), with others whose shape
    begins with the same dimensions (boxes, classes, indices). Rows whose score is no better than the last
    one's are not required: chance decides whether they are in the list. If less than half of the required
    rows have a match, the pairs are returned unchanged.
    """
    scores = _scores(pairs)
    if scores is None:
        return Aligned(list(pairs), None)
    shape = pairs[scores][0].shape
    payload = [i for i in range(len(pairs)) if i != scores and _belongs(pairs[i][0].shape, shape)]
    rows = [_rows(pairs[i], shape) for i in payload]
    wanted = _wanted(*_rows(pairs[scores], shape))
    matches = [_match([(ref[k], cand[k]) for ref, cand in rows]) for k in range(len(wanted))]
    count = sum(map(len, wanted))
    if count:
        matches = [{r: m[r] for r in w if r in m} for w, m in zip(wanted, matches, strict=True)]
    found = sum(map(len, matches)) / count if count else None
    if found is not None and found < 0.5:
        return Aligned(list(pairs), found)
    aligned: list[Pair | None] = list(pairs)
    for i, (ref, cand) in zip(payload, rows, strict=True):
        kept = [(ref[k][list(m)], cand[k][list(m.values())]) for k, m in enumerate(matches) if m]
        aligned[i] = _joined(kept) if kept else None
    return Aligned(aligned, found)


def _joined(kept: Sequence[Pair]) -> Pair:
    return np.concatenate([ref for ref, _ in kept]), np.concatenate([cand for _, cand in kept])


def _wanted(ref: Array, cand: Array) -> list[list[int]]:
    """Return the required rows of each list: their score exceeds the last one's by more than scores differ.

    ref, cand: the scores, shape (lists, rows, 1).
    """
    apart = 2 * float(np.max(np.abs(ref - cand)))
    return [np.flatnonzero(scores[:, 0] > scores[-1, 0] + apart).tolist() for scores in ref]


def _scores(pairs: Sequence[Pair]) -> int | None:
    """Return the index of the output with the scores, or None if the outputs form no list.

    It is the one with the most different values of those that fall and that other outputs belong to.
    """
    falling = [
        i
        for i, (ref, cand) in enumerate(pairs)
        if _fall(ref, cand)
        and ref.shape[-1] <= _MOST_ROWS
        and any(_belongs(other.shape, ref.shape) for j, (other, _) in enumerate(pairs) if j != i)
    ]
    return max(falling, key=lambda i: len(np.unique(pairs[i][0])), default=None)


def _fall(ref: Array, cand: Array) -> bool:
    """Return whether both never rise along their last axis, and one of them falls somewhere."""
    if ref.ndim < 2:
        return False
    steps = np.stack([np.diff(ref, axis=-1), np.diff(cand, axis=-1)])
    return steps[0].size >= _PAIRS_IN_ORDER and bool((steps <= 0).all() and (steps < 0).any())


def _belongs(shape: tuple[int, ...], scores: tuple[int, ...]) -> bool:
    """Return whether an output has one row, of one or several values, for every score."""
    return shape[: len(scores)] == scores and len(shape) <= len(scores) + 1


def _rows(pair: Pair, shape: tuple[int, ...]) -> Pair:
    """Reshape an output to (lists, rows, values of a row)."""
    lists = int(np.prod(shape[:-1]))
    ref, cand = (array.reshape(lists, shape[-1], -1) for array in pair)
    return ref, cand


def _match(outputs: Sequence[Pair]) -> dict[int, int]:
    """Match the rows of one list: row of the reference -> row of the candidate, each used once."""
    free = np.ones(len(outputs[0][1]), bool)
    matches = {}
    for row in range(len(outputs[0][0])):
        noise = np.where(free, sum(_noise(ref[row], cand) for ref, cand in outputs), np.inf)
        if np.isfinite(noise).any():
            # The closest row; of equally close ones, the one at the same position.
            noise += _LEAST * np.abs(np.arange(len(noise)) - row)
            matches[row] = int(np.nanargmin(noise))
            free[matches[row]] = False
    return matches


def _noise(row: Array, others: Array) -> Array:
    """Return the distances of rows from this one, relative to its energy; infinite for different rows.

    Rows of whole numbers (classes) are different if any value differs, other rows beyond 10 dB.
    """
    noise, energy = np.sum((others - row) ** 2, axis=1), float(np.sum(row**2))
    whole = bool((row == np.rint(row)).all() and (others == np.rint(others)).all())
    same = noise <= (0.0 if whole else _CLOSE * energy)
    return np.where(same, noise / (energy or 1.0), np.inf)
