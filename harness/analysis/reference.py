"""The reference: the cell whose outputs another cell's are compared with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from harness.analysis.baseline import Scheme, float_rank

if TYPE_CHECKING:
    from delegates.wire import Output
    from harness.store import Cell


def of(cell: Cell, cells: Iterable[Cell], schemes: Scheme) -> Cell | None:
    """The cell whose outputs count as right: float32, by preference on `cpu`, then on this device.

    Where no float32 was measured (ready files), the same variant on `cpu`.
    """
    there = [other for other in cells if other.model == cell.model and outputs_of(other)]
    floats = [other for other in there if float_rank(other, schemes) < 2]
    found = min(
        floats,
        key=lambda other: (float_rank(other, schemes), other.delegate != "cpu", other.device != cell.device),
        default=None,
    )
    return found or same_on_cpu(cell, there)


def same_on_cpu(cell: Cell, cells: Iterable[Cell]) -> Cell | None:
    """The same variant on the CPU's own kernels, by preference on this device."""
    wanted = (cell.model, cell.variant, "cpu")
    found = [o for o in cells if (o.model, o.variant, o.delegate) == wanted and outputs_of(o)]
    return min(found, key=lambda other: other.device != cell.device, default=None)


def outputs_of(cell: Cell) -> list[Output]:
    """The cell's outputs for the sample inputs; empty where no launch brought any."""
    return next((m.outputs for m in cell.measurements if m.outputs), [])
