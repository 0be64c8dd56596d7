"""What the drop of accuracy is against on machines where float32 is no cell, as with an Edge TPU alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.analysis.baseline import float_rank
from harness.config import DelegateSpec
from harness.devices.machines import Machine
from harness.quantize import VariantSet
from harness.record import Cell, Delegate, Side
from harness.session.plan import CellPlan, Plan, runnable

_CPU = "cpu"


def with_references(plan: Plan, models: Sequence[VariantSet], machines: Sequence[Machine]) -> Plan:
    """Return the plan with float32 on the CPU of each machine and side that evaluates a model without it.

    It is evaluated there and not timed. models: with all their variants, those without a cell, too.
    """
    found = tuple(one for made in models for machine in machines for one in _missing(plan, made, machine))
    return replace(plan, references=found)


def _missing(plan: Plan, made: VariantSet, machine: Machine) -> Iterator[CellPlan]:
    if made.evaluation is None:
        return
    sides: dict[Side | None, list[CellPlan]] = {}
    for one in runnable(plan, (profile.name for profile in machine.profiles)):
        if one.evaluation is made.evaluation:
            sides.setdefault(one.cell.side, []).append(one)
    for cells in sides.values():
        if not any(float_rank(one.cell) < 2 for one in cells):
            yield from _floats(made, cells[0])


def _floats(made: VariantSet, like: CellPlan) -> Iterator[CellPlan]:
    """Yield float32 on the CPU of the machine of another cell."""
    for one in made.variants:
        cell = Cell(
            id=f"{like.cell.id} against {one.variant.name}/{_CPU}",
            variant=one.variant,
            device=like.cell.device,
            delegate=Delegate(_CPU),
            threads=like.cell.threads,
            side=like.cell.side,
        )
        if float_rank(cell) == 0:
            yield CellPlan(cell, like.device, DelegateSpec(_CPU), one.path, evaluation=made.evaluation)
