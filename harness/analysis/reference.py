"""The reference: the cell whose outputs another cell's are compared with."""

from __future__ import annotations

from collections.abc import Iterable

from harness.analysis.baseline import float_rank
from harness.record import Cell, subject


def reference(cell: Cell, cells: Iterable[Cell]) -> Cell | None:
    """Return the cell whose outputs count as right: float32, preferably on `cpu`, then on the same device.

    If no float32 was measured (ready files), the same variant on `cpu`. cells: those that sent outputs.
    """
    alike = [other for other in cells if subject(other) == subject(cell)]
    return min(
        (other for other in alike if float_rank(other) < 2),
        key=lambda other: (float_rank(other), other.delegate.name != "cpu", _elsewhere(other, cell)),
        default=None,
    ) or same_on_cpu(cell, alike)


def same_on_cpu(cell: Cell, cells: Iterable[Cell]) -> Cell | None:
    """Return the same variant on the `cpu` delegate, preferably on the same device."""
    wanted = (subject(cell), cell.variant.name, "cpu")
    same = [other for other in cells if (subject(other), other.variant.name, other.delegate.name) == wanted]
    return min(same, key=lambda other: _elsewhere(other, cell), default=None)


def _elsewhere(other: Cell, cell: Cell) -> bool:
    return other.device.name != cell.device.name
