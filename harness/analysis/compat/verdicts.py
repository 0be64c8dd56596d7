"""The verdict on each device: what to ship there, what not, and what nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from harness.accelerators import ACCELERATORS
from harness.analysis.compat.document import CompatCell
from harness.analysis.compat.judged import Advice, Clause, DelegateVerdict, DeviceVerdict, Judged
from harness.analysis.compat.standing import Standing, standing

Column = tuple[str, str | None, str | None]  # delegate, runtime, its version
_ORDER = get_args(Advice)


def verdicts(cells: Iterable[CompatCell]) -> tuple[DeviceVerdict, ...]:
    """Return one verdict per device, in the order of the cells. Each cell is in exactly one clause."""
    devices: dict[str, dict[Column, list[CompatCell]]] = {}
    for cell in cells:
        column = (cell.delegate, cell.runtime, cell.runtime_version)
        devices.setdefault(cell.device, {}).setdefault(column, []).append(cell)
    return tuple(
        DeviceVerdict(
            device,
            tuple(DelegateVerdict(*column, _clauses(columns[column])) for column in _ordered(columns)),
        )
        for device, columns in devices.items()
    )


def advice(of: Standing) -> Advice:
    """Return what is said of a cell. Only what is known to run whole is shipped."""
    if of.kind != "all":
        return of.kind
    return "slower" if of.slower else "ship"


def _ordered(columns: Iterable[Column]) -> list[Column]:
    """Return the columns: accelerators first, the runtime's own kernels last."""
    return sorted(columns, key=lambda column: (ACCELERATORS[column[0]].on_cpu, column[0] == "cpu"))


def _clauses(cells: Iterable[CompatCell]) -> tuple[Clause, ...]:
    groups: dict[tuple[Advice, bool], list[Judged]] = {}
    for cell in cells:
        stands = standing(cell)
        groups.setdefault((advice(stands), stands.likely), []).append(_judged(cell, stands))
    ranked = sorted(groups, key=lambda key: (_ORDER.index(key[0]), key[1]))
    return tuple(Clause(*key, tuple(groups[key])) for key in ranked)


def _judged(cell: CompatCell, stands: Standing) -> Judged:
    return Judged(
        model=cell.model,
        variant=cell.variant,
        known=stands.known,
        left=stands.left,
        total=stands.total,
        speedup=stands.speedup.value if stands.speedup else 1.0 if stands.baseline else None,
        software=stands.software,
        compared=stands.compared,
        shape=cell.shape,
        signature=cell.signature,
    )
