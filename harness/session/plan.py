"""The plan: every variant x delegate x device x threads becomes a cell, with all that is known beforehand."""

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
    """A device profile, and the device as it was found."""

    profile: DeviceProfile
    state: DeviceState
    found: ProbeResult


@dataclass(frozen=True)
class CellPlan:
    """A cell before anything is measured."""

    cell: Cell
    device: Device
    spec: DelegateSpec
    path: Path | None = None  # of the file that runs; None if there is none
    inputs: Path | None = None  # .npz of sample inputs
    ended: Ended | None = None  # why it won't be measured


@dataclass(frozen=True)
class Plan:
    """Everything that is known of a run before the first inference."""

    models: tuple[VariantSet, ...]
    devices: tuple[Device, ...]
    cells: tuple[CellPlan, ...]

    def as_event(self) -> Planned:
        """Return the plan as the record keeps it."""
        return Planned(
            models=tuple(made.model for made in self.models),
            variants=tuple(one.variant for made in self.models for one in made.variants),
            failed=tuple(failed for made in self.models for failed in made.failed),
            devices=tuple(device.state for device in self.devices),
            cells=tuple(_as_planned(plan) for plan in self.cells),
        )

    def as_run(self, header: Header) -> Run:
        """Return the run as it is before anything has been measured."""
        event = self.as_event()
        cells = tuple(CellRun(plan.cell, (), plan.ended or Pending()) for plan in self.cells)
        return Run(header, event.models, event.variants, event.failed, event.devices, cells)


def make_plan(
    models: Sequence[VariantSet], devices: Sequence[Device], folder: Path, begun: Callable[[str], None]
) -> Plan:
    """Return all cells in the order of the table, compiled where their delegate has a compiler.

    folder: the cache. begun: is called with a sentence before anything is compiled.
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
    """Plans cell by cell; compilers and predictions are shared by all of them."""

    def __init__(self, folder: Path, begun: Callable[[str], None]) -> None:
        self._folder, self._begun = folder, begun
        self._compilers: dict[str, Compiler | None] = {}
        self._expectations = Expectations()

    def plan(self, made: VariantSet, device: Device, spec: DelegateSpec, threads: int) -> list[CellPlan]:
        """Plan the cells of one model's variants, those that could not be made last."""
        found = [
            self._plan_made(_cell(one.variant, device, spec, threads), device, spec, one, made.inputs)
            for one in made.variants
        ]
        failed = [
            CellPlan(_cell(one, device, spec, threads), device, spec, ended=Refused(one.reason))
            for one in made.failed
        ]
        return [*found, *failed]

    def _plan_made(
        self,
        cell: Cell,
        device: Device,
        spec: DelegateSpec,
        made: MadeVariant,
        all_inputs: Mapping[str, Path],
    ) -> CellPlan:
        """Plan a cell whose variant is there."""
        variant, inputs = made.variant, all_inputs.get(made.variant.name)
        skipped = ACCELERATORS[spec.name].skips(variant.scheme or "", variant.custom_ops)
        if skipped is not None:
            return CellPlan(cell, device, spec, ended=Skipped(skipped))
        missing = device.found.error or device.found.delegates.get(spec.name)
        compiled = self._compile(made, spec, missing)
        if isinstance(compiled, Refused | Unavailable):
            return CellPlan(cell, device, spec, ended=compiled)
        path = made.path if compiled is None else compiled.path
        cell = replace(cell, artifact=None if compiled is None else compiled.artifact)
        if missing is not None:
            return CellPlan(cell, device, spec, path, inputs, Unavailable(missing))
        expected = self._expectations.of(path, spec, device.found.runtime)
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
    """Return the cells to be measured on the devices of these names."""
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
    """Return an id that a device sends back as it got it: without characters that `receive` replaces."""
    name = "/".join(parts)
    return name if printable(name) == name else name.encode("unicode_escape").decode("ascii")
