"""The plan of a run: one cell per variant, delegate, device and number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from delegates.wire import ProbeResult, printable
from harness.accelerators import ACCELERATORS, CompiledFile, Compiler
from harness.config import DelegateSpec, DeviceProfile
from harness.devices.transports.run_once import run_once
from harness.quantize import MadeVariant, VariantSet
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
    Unavailable,
    Variant,
)
from harness.record.events import Planned, PlannedCell
from harness.record.plain import plain_object
from harness.session.expected import Expectations


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


@dataclass(frozen=True)
class Plan:
    """Everything that is known about a run before the first inference."""

    models: tuple[VariantSet, ...]
    devices: tuple[Device, ...]
    cells: tuple[CellPlan, ...]
    references: tuple[CellPlan, ...] = ()  # evaluated only: see session.references

    def as_event(self) -> Planned:
        """Return the event that stores the plan."""
        return Planned(
            models=tuple(made.model for made in self.models),
            variants=tuple(one.variant for made in self.models for one in made.variants),
            failed=tuple(failed for made in self.models for failed in made.failed),
            devices=tuple(device.state for device in self.devices),
            cells=tuple(_as_planned(plan) for plan in self.cells),
            references=tuple(_as_planned(plan) for plan in self.references),
        )

    def as_run(self, header: Header) -> Run:
        """Return the run as it stands before anything is measured."""
        event = self.as_event()
        cells = tuple(CellRun(plan.cell, (), plan.ended or Pending()) for plan in self.cells)
        return Run(header, event.models, event.variants, event.failed, event.devices, cells)


def make_plan(
    models: Sequence[VariantSet], devices: Sequence[Device], folder: Path, begun: Callable[[str], None]
) -> Plan:
    """Return the plan, its cells in the order of the table. Compiles variants for delegates that need it.

    folder: the cache. begun: called with a sentence before each compilation.
    """
    planner = _Planner(folder, begun)
    cells: list[CellPlan] = []
    for made in models:
        for device in devices:
            for spec in device.profile.delegates:
                for threads in device.profile.threads:
                    cells += planner.plan(made, device, spec, threads)
    return Plan(tuple(models), tuple(devices), tuple(cells))


class _Planner:
    """Plans cell by cell. All cells share compilers and predictions."""

    def __init__(self, folder: Path, begun: Callable[[str], None]) -> None:
        self._folder, self._begun = folder, begun
        self._compilers: dict[str, Compiler | None] = {}
        self._expectations = Expectations()

    def plan(self, made: VariantSet, device: Device, spec: DelegateSpec, threads: int) -> list[CellPlan]:
        """Return the cells of one model's variants; those of variants that could not be made come last."""
        cells = [
            self._plan_made(_cell(one.variant, device, spec, threads), device, spec, one, made.inputs)
            for one in made.variants
        ]
        failed = [
            CellPlan(_cell(one, device, spec, threads), device, spec, ended=Refused(one.reason))
            for one in made.failed
        ]
        return [*cells, *failed]

    def _plan_made(
        self,
        cell: Cell,
        device: Device,
        spec: DelegateSpec,
        made: MadeVariant,
        all_inputs: Mapping[str, Path],
    ) -> CellPlan:
        """Return the plan of a cell whose variant could be made."""
        variant, inputs = made.variant, all_inputs.get(made.variant.name)
        skipped = ACCELERATORS[spec.name].skips(variant.scheme or "", variant.custom_ops)
        if skipped is not None:
            return CellPlan(cell, device, spec, ended=Skipped(skipped))
        missing = device.probed.error or device.probed.delegates.get(spec.name)
        compiled = self._compile(made, spec, missing)
        if isinstance(compiled, Refused | Unavailable):
            return CellPlan(cell, device, spec, ended=compiled)
        path = made.path if compiled is None else compiled.path
        cell = replace(cell, artifact=None if compiled is None else compiled.artifact)
        if missing is not None:
            return CellPlan(cell, device, spec, path, inputs, Unavailable(missing))
        expected = self._expectations.of(path, spec, device.probed.runtime)
        return CellPlan(replace(cell, expected=expected), device, spec, path, inputs)

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


def _cell(variant: Variant | FailedVariant, device: Device, spec: DelegateSpec, threads: int) -> Cell:
    return Cell(
        id=_id(variant.model, variant.name, spec.name, device.profile.name, str(threads)),
        variant=variant,
        device=device.state,
        delegate=Delegate(spec.name, plain_object(spec.options)),
        threads=threads,
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
        expected=cell.expected,
        artifact=cell.artifact,
        ended=plan.ended,
    )


def _id(*parts: str) -> str:
    """Return a cell's id, without characters that would be replaced when a device sends it back."""
    name = "/".join(parts)
    return name if printable(name) == name else name.encode("unicode_escape").decode("ascii")
