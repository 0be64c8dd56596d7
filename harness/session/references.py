"""What the drop of accuracy is against on machines where float32 is no cell, as with an Edge TPU alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.analysis.baseline import float_rank
from harness.config import DelegateSpec
from harness.devices.machines import Machine
from harness.quantize import VariantSet
from harness.record import Cell, Delegate
from harness.session.plan import CellPlan, Plan, runnable

_CPU = "cpu"


def with_references(plan: Plan, machines: Sequence[Machine]) -> Plan:
    """Return the plan with float32 on the CPU of each machine that evaluates a model without it.

    It is evaluated there and not timed.
    """
    found = tuple(
        one for made in plan.models for machine in machines for one in _missing(plan, made, machine)
    )
    return replace(plan, references=tuple(found))


def _missing(plan: Plan, made: VariantSet, machine: Machine) -> Iterator[CellPlan]:
    cells = [
        one
        for one in runnable(plan, (profile.name for profile in machine.profiles))
        if one.cell.model == made.model.name
    ]
    if made.evaluation is None or not cells or any(float_rank(one.cell) < 2 for one in cells):
        return
    like = cells[0]
    for one in made.variants:
        cell = Cell(
            id=f"{like.cell.id} against {one.variant.name}/{_CPU}",
            variant=one.variant,
            device=like.cell.device,
            delegate=Delegate(_CPU),
            threads=like.cell.threads,
        )
        if float_rank(cell) == 0:
            yield CellPlan(cell, like.device, DelegateSpec(_CPU), one.path)
