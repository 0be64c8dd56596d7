"""The plan of a run: one cell per variant, delegate, device, number of threads and side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from delegates.wire import ProbeResult, printable
from harness.accelerators import ACCELERATORS, CompiledFile, Compiler
from harness.config import DelegateSpec, DeviceProfile
from harness.config.standard import STANDARD
from harness.devices.transports.run_once import run_once
from harness.errors import ConfigError
from harness.quantize import EvaluationSet, MadeVariant, VariantSet
from harness.record import (
    Cell,
    CellRun,
    Delegate,
    DeviceState,
    Ended,
    FailedVariant,
    Header,
    Pending,
    Refused,
    Run,
    Skipped,
    Subject,
    Unavailable,
    Variant,
    subject,
)
from harness.record.events import Planned, PlannedCell
from harness.record.plain import plain_object
from harness.session.expected import Expectations

ToMake = Literal["convert", "compile"]


@dataclass(frozen=True)
class Device:
    """A device profile, and what probing found there."""

    profile: DeviceProfile
    state: DeviceState
    probed: ProbeResult


@dataclass(frozen=True)
class CellPlan:
    """A cell, and what is needed to measure it."""

    cell: Cell
    device: Device
    spec: DelegateSpec
    path: Path | None = None  # of the file that runs; None if there is none
    inputs: Path | None = None  # .npz of sample inputs
    ended: Ended | None = None  # why it won't be measured
    make: ToMake | None = None  # what is yet to be made, if nothing was to be
    evaluation: EvaluationSet | None = None


@dataclass(frozen=True)
class Plan:
    """Everything that is known about a run before the first inference."""

    models: tuple[VariantSet, ...]
    devices: tuple[Device, ...]
    cells: tuple[CellPlan, ...]
    references: tuple[CellPlan, ...] = ()  # evaluated only: see session.references

    def narrowed(self, only: Callable[[Cell], bool]) -> Plan:
        """Return the plan with only some cells, and the models, variants and devices that have one."""
        cells = tuple(plan for plan in self.cells if only(plan.cell))
        return Plan(*_with_cells(self.models, self.devices, [plan.cell for plan in cells]), cells)

    def as_event(self) -> Planned:
        """Return the event that stores the plan."""
        return Planned(
            models=tuple({(made.model.name, made.model.side): made.model for made in self.models}.values()),
            variants=self._variants(),
            failed=tuple(failed for made in self.models for failed in made.failed),
            devices=tuple(device.state for device in self.devices),
            cells=tuple(_as_planned(plan) for plan in self.cells),
            references=tuple(_as_planned(plan) for plan in self.references),
        )

    def _variants(self) -> tuple[Variant, ...]:
        """Return the variants of all models, and those of references that no cell has."""
        found = [one.variant for made in self.models for one in made.variants]
        for one in self.references:
            assert isinstance(one.cell.variant, Variant)
            if one.cell.variant not in found:
                found.append(one.cell.variant)
        return tuple(found)

    def as_run(self, header: Header) -> Run:
        """Return the run as it stands before anything is measured."""
        event = self.as_event()
        cells = tuple(CellRun(plan.cell, (), plan.ended or Pending()) for plan in self.cells)
        return Run(header, event.models, event.variants, event.failed, event.devices, cells)


def make_plan(
    models: Sequence[VariantSet],
    devices: Sequence[Device],
    folder: Path,
    begun: Callable[[str], None],
    only: Callable[[Cell], bool] | None = None,
    *,
    compile: bool = True,
) -> Plan:
    """Return the plan, its cells in the order of the table. Compiles variants for delegates that need it.

    folder: the cache. begun: called with a sentence before each compilation. only: selects the cells, as
    they are before compilation; a model, variant or device without a cell is left out, too. None: all.
    compile: False leaves that out.
    Raises ConfigError if no cell is selected.
    """
    planner = _Planner(folder, begun if compile else _stop, only)
    cells: list[CellPlan] = []
    for made in models:
        for device in devices:
            for spec in device.profile.delegates:
                for threads in device.profile.threads:
                    cells += planner.plan(made, device, spec, threads)
    if not cells:
        raise ConfigError("no cell of these models and devices is selected")
    return Plan(tuple(models), tuple(devices), tuple(cells)).narrowed(_every)


def _with_cells(
    models: Sequence[VariantSet], devices: Sequence[Device], cells: Sequence[Cell]
) -> tuple[tuple[VariantSet, ...], tuple[Device, ...]]:
    """Return the models and devices that have cells; of the models, the variants that have."""
    wanted = {(subject(cell), cell.variant.name) for cell in cells}
    devices_used = {cell.device.name for cell in cells}
    filtered = [
        dataclasses.replace(
            made,
            variants=tuple(
                one for one in made.variants if (subject(one.variant), one.variant.name) in wanted
            ),
            failed=tuple(one for one in made.failed if (subject(one), one.name) in wanted),
            missing={name: at for name, at in made.missing.items() if (_subject(made), name) in wanted},
        )
        for made in models
    ]
    return (
        tuple(made for made in filtered if made.variants or made.failed or made.missing),
        tuple(device for device in devices if device.profile.name in devices_used),
    )


def _subject(made: VariantSet) -> Subject:
    return Subject(made.model.name, made.shape, made.signature)


class _Planner:
    """Plans cell by cell. All cells share compilers and predictions."""

    def __init__(
        self, folder: Path, begun: Callable[[str], None], only: Callable[[Cell], bool] | None
    ) -> None:
        self._folder, self._begun = folder, begun
        self._wants = only or _every
        self._compilers: dict[str, Compiler | None] = {}
        self._expectations = Expectations()

    def plan(self, made: VariantSet, device: Device, spec: DelegateSpec, threads: int) -> list[CellPlan]:
        """Return the cells of one model's variants; those of variants that could not be made come last."""
        cells = [(_cell(one.variant, device, spec, threads), one) for one in made.variants]
        failed = [(_cell(one, device, spec, threads), one.reason) for one in made.failed]
        plans = [self._plan_made(cell, device, spec, one, made) for cell, one in cells if self._wants(cell)]
        for name, place in made.missing.items():
            missing = FailedVariant(
                made.model.name,
                name,
                "not made yet",
                side=made.model.side,
                shape=made.shape,
                signature=made.signature,
            )
            plans.insert(place, _plan_missing(_cell(missing, device, spec, threads), device, spec))
        return [
            *(plan for plan in plans if plan.make is None or self._wants(plan.cell)),
            *(CellPlan(c, device, spec, ended=Refused(reason)) for c, reason in failed if self._wants(c)),
        ]

    def _plan_made(
        self,
        cell: Cell,
        device: Device,
        spec: DelegateSpec,
        made: MadeVariant,
        of: VariantSet,
    ) -> CellPlan:
        """Return the plan of a cell whose variant could be made."""
        variant, inputs = made.variant, of.inputs.get(made.variant.name)
        skipped = ACCELERATORS[spec.name].skips(variant.scheme or "", variant.custom_ops)
        if skipped is not None:
            return CellPlan(cell, device, spec, ended=Skipped(skipped))
        missing = device.probed.error or device.probed.delegates.get(spec.name)
        try:
            compiled = self._compile(made, spec, missing)
        except _WouldCompileError:
            return CellPlan(cell, device, spec, made.path, inputs, make="compile")
        if isinstance(compiled, Refused | Unavailable):
            return CellPlan(cell, device, spec, ended=compiled)
        path = made.path if compiled is None else compiled.path
        cell = replace(cell, artifact=None if compiled is None else compiled.artifact)
        if missing is not None:
            return CellPlan(cell, device, spec, path, inputs, Unavailable(missing))
        expected = self._expectations.of(path, spec, device.probed.runtime)
        cell = replace(cell, expected=expected)
        return CellPlan(cell, device, spec, path, inputs, evaluation=of.evaluation)

    def _compile(
        self, made: MadeVariant, spec: DelegateSpec, missing: str | None
    ) -> CompiledFile | Refused | Unavailable | None:
        compiler = self._compiler(spec.name)
        if compiler is None:
            return None
        return compiler.compile(made.variant, made.path, spec, given=made.given, missing=missing)

    def _compiler(self, delegate: str) -> Compiler | None:
        if delegate not in self._compilers:
            make = ACCELERATORS[delegate].compiler
            self._compilers[delegate] = None if make is None else make(self._folder, run_once, self._begun)
        return self._compilers[delegate]


def runnable(plan: Plan, names: Iterable[str]) -> list[CellPlan]:
    """Return the cells that will be measured on the devices with these names."""
    wanted = set(names)
    return [cell for cell in plan.cells if cell.ended is None and cell.device.profile.name in wanted]


class _WouldCompileError(Exception):
    """A variant would have to be compiled."""


def _stop(_: str) -> None:
    raise _WouldCompileError


def _plan_missing(cell: Cell, device: Device, spec: DelegateSpec) -> CellPlan:
    """Return the plan of a cell whose variant is not made yet. Standard ones are named after their scheme."""
    accelerator, name = ACCELERATORS[spec.name], cell.variant.name
    standard = any(name == one.name for one in STANDARD)
    skipped = accelerator.skips(name, ()) if standard else None
    missing = device.probed.error or device.probed.delegates.get(spec.name)
    ended = Skipped(skipped) if skipped else Unavailable(missing) if missing else None
    return CellPlan(cell, device, spec, ended=ended, make="convert")


def _every(_: Cell) -> bool:
    return True


def _cell(variant: Variant | FailedVariant, device: Device, spec: DelegateSpec, threads: int) -> Cell:
    names = variant.model, variant.name, spec.name, device.profile.name, str(threads)
    side = variant.side or device.state.side
    asked = (one for one in (variant.signature, variant.shape, side) if one is not None)
    return Cell(
        id=_id(*names, *asked),
        variant=variant,
        device=device.state,
        delegate=Delegate(spec.name, plain_object(spec.options)),
        threads=threads,
        side=side,
    )


def _as_planned(plan: CellPlan) -> PlannedCell:
    cell = plan.cell
    return PlannedCell(
        id=cell.id,
        model=cell.model,
        variant=cell.variant.name,
        device=cell.device.name,
        delegate=cell.delegate.name,
        threads=cell.threads,
        shape=cell.shape,
        signature=cell.signature,
        expected=cell.expected,
        artifact=cell.artifact,
        ended=plan.ended,
        side=cell.side,
    )


def _id(*parts: str) -> str:
    """Return a cell's id, without characters that would be replaced when a device sends it back."""
    name = "/".join(parts)
    return name if printable(name) == name else name.encode("unicode_escape").decode("ascii")
