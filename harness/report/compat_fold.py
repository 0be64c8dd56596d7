"""Fold wide matrices of the compatibility report by device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

from harness.report.compat_matrix import Line, Matrix


def fold(matrix: Matrix, fits: Callable[[Matrix], bool]) -> list[Matrix]:
    """Split a matrix by devices, and a device by columns, so that each part fits or has a single column."""
    parts: list[Matrix] = []
    for group in _by_device(matrix):
        joined = _join(parts[-1], group) if parts else group
        if parts and fits(joined):
            parts[-1] = joined
        elif fits(group) or len(group.columns) == 1:
            parts.append(group)
        else:
            parts += [_take(group, [index]) for index in range(len(group.columns))]
    return parts


def devices(matrix: Matrix) -> list[tuple[str, int]]:
    """Return the devices of a matrix, each with the number of its columns."""
    return [(name, len([*group])) for name, group in groupby(column.device for column in matrix.columns)]


def _by_device(matrix: Matrix) -> list[Matrix]:
    parts, first = [], 0
    for _, count in devices(matrix):
        parts.append(_take(matrix, range(first, first + count)))
        first += count
    return parts


def _take(matrix: Matrix, indices: Sequence[int]) -> Matrix:
    lines = tuple(
        Line(line.variant, tuple(line.entries[index] for index in indices)) for line in matrix.lines
    )
    return replace(matrix, columns=tuple(matrix.columns[index] for index in indices), lines=lines)


def _join(left: Matrix, right: Matrix) -> Matrix:
    lines = tuple(
        Line(a.variant, a.entries + b.entries) for a, b in zip(left.lines, right.lines, strict=True)
    )
    return replace(left, columns=left.columns + right.columns, lines=lines)
