"""Read the events of a run, as far as they are intact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import structs

from delegates.wire import MAX_LINE_BYTES, Evaluated, Launch, Output
from harness.errors import ResultsError
from harness.record import (
    Cell,
    CellRun,
    DeviceState,
    Ended,
    FailedVariant,
    Header,
    Pending,
    Run,
    Side,
    Subject,
    Variant,
    events,
    subject,
)
from harness.store import chunks
from harness.store.document import check_schema, parse
from harness.store.growing import EVENTS

_Variants = Mapping[tuple[Subject, str, Side | None], Variant | FailedVariant]  # by subject, name and side
_Devices = dict[tuple[str, Side | None], DeviceState]  # by name and side


class NothingPlannedError(ResultsError):
    """A run has no plan, so there is nothing to show."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: nothing was planned; the run ended early or is still being prepared")


def read(folder: Path) -> Run:
    """Read the run in a folder, as far as it is written and intact. Raises ResultsError."""
    return read_files(folder, lambda name: (folder / name).open("rb"))


def read_files(folder: Path, opener: chunks.Opener) -> Run:
    """Read a run from files that `opener` opens. Messages name `folder`. Raises ResultsError."""
    path = folder / EVENTS
    try:
        with opener(EVENTS) as file:
            return _read(path, file, opener)
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror or error}") from None


def _read(path: Path, file: BinaryIO, opener: chunks.Opener) -> Run:
    lines = lines_of(file)
    reading = _Reading(path.parent, opener, read_header(next(lines, b""), path))
    for number, line in enumerate(lines, start=2):
        try:
            event = _event(line)
            if event is not None:
                reading.apply(event)
        except (ValueError, RecursionError, KeyError, chunks.DamagedError):
            reading.damage.append(f"line {number} of {EVENTS} can't be read")
    return reading.run()


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield the complete lines; a line that was being written when the run was killed is ignored."""
    while (line := file.readline(MAX_LINE_BYTES)).endswith(b"\n"):
        yield line


def read_header(line: bytes, path: Path) -> Header:
    """Return the header in the first line. Raises ResultsError."""
    if not line:
        raise NothingPlannedError(path.parent)
    try:
        raw = parse(line)
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path} is not a record: line 1: {error}") from None
    check_schema(raw, path, events.SCHEMA, "a record")
    try:
        return msgspec.convert(raw, events.Started).header
    except msgspec.ValidationError as error:
        raise ResultsError(f"{path} is not a record: line 1: {error}") from None


def _event(line: bytes) -> events.Event | None:
    """Return the event in a line; None if its kind is unknown. Raises ValueError."""
    raw = parse(line)
    if not isinstance(raw, dict) or not isinstance(raw.get("event"), str):
        raise ValueError("not an event")
    kind = events.KINDS.get(raw["event"])
    return None if kind is None else msgspec.convert(raw, kind)


class _Machine(msgspec.Struct):
    """The facts of a machine that DeviceState holds."""

    os: str | None = None
    arch: str | None = None
    cpu: str | None = None
    cores: int | None = None
    memory_bytes: int | None = None


class _Cell:
    """A cell while its events are read."""

    def __init__(self, planned: events.PlannedCell) -> None:
        self.planned = planned
        self.ended: Ended = planned.ended or Pending()
        self.launches: list[Launch] = []
        self.evaluated: list[Evaluated] = []
        self.damage: list[str] = []

    def launched(self, event: events.Launched, opener: chunks.Opener) -> None:
        """Add a launch, or note its damage."""
        number = event.launch.launch
        try:
            launch = chunks.restore(opener, event)
        except chunks.DamagedError as error:
            self.damage.append(f"launch {number} can't be read from {chunks.SAMPLES}: {error}")
        else:
            self.launches.append(replace(launch, outputs=self._outputs(event, opener)))

    def add_evaluated(self, event: events.Evaluated, opener: chunks.Opener) -> None:
        """Add what was kept of some samples, or note its damage."""
        try:
            outputs = [chunks.restore_output(opener, stored) for stored in event.outputs]
        except chunks.DamagedError as error:
            self.damage.append(
                f"its evaluation from sample {event.first} on can't be read from {chunks.OUTPUTS}: {error}"
            )
        else:
            self.evaluated.append(Evaluated(event.cell, event.first, event.keep, outputs))

    def _outputs(self, event: events.Launched, opener: chunks.Opener) -> list[Output]:
        """Return all outputs of a launch, or none if one is damaged: they are compared by position."""
        try:
            return [chunks.restore_output(opener, stored) for stored in event.outputs]
        except chunks.DamagedError as error:
            self.damage.append(f"its outputs can't be read from {chunks.OUTPUTS}: {error}")
            return []

    def run(self, variants: _Variants, devices: _Devices) -> CellRun:
        """Return the cell with what was read of it."""
        planned = self.planned
        device = _device(planned, devices)
        cell = Cell(
            id=planned.id,
            variant=_variant(planned, variants),
            device=device,
            delegate=device.delegate(planned.delegate),
            threads=planned.threads,
            artifact=planned.artifact,
            expected=planned.expected,
            side=planned.side,
        )
        return CellRun(cell, tuple(self.launches), self.ended, tuple(self.damage), tuple(self.evaluated))


class _Reading:
    """A run while its events are read."""

    def __init__(self, folder: Path, opener: chunks.Opener, header: Header) -> None:
        self.damage: list[str] = []
        self._folder, self._opener, self._header = folder, opener, header
        self._plan: events.Planned | None = None
        self._finished: events.Finished | None = None
        self._devices: _Devices = {}
        self._cells: dict[str, _Cell] = {}
        self._labels: dict[str, Output] = {}

    def apply(self, event: events.Event) -> None:
        """Apply one event. Raises KeyError for names that were not planned, ValueError for bad values."""
        match event:
            case events.Planned():
                self._apply_plan(event)
            case events.SystemFacts():
                self._apply_facts(event)
            case events.Launched():
                self._cells[event.cell].launched(event, self._opener)
            case events.Labelled():
                self._labels[event.sha256] = chunks.restore_output(self._opener, event.labels)
            case events.Evaluated():
                self._cells[event.cell].add_evaluated(event, self._opener)
            case events.Ended():
                self._cells[event.cell].ended = event.how
            case events.Lost():
                for key, device in self._named(event.devices):
                    self._devices[key] = structs.replace(device, problem=event.problem)
            case events.Finished():
                self._finished = event

    def run(self) -> Run:
        """Return the run. Raises ResultsError if it has no plan."""
        if self._plan is None:
            if self.damage:
                raise ResultsError(f"{self._folder} is damaged: {self.damage[0]}")
            raise NothingPlannedError(self._folder)
        variants = _variants(self._plan)
        return Run(
            header=self._header,
            models=self._plan.models,
            variants=self._plan.variants,
            failed=self._plan.failed,
            devices=tuple(self._devices.values()),
            cells=self._runs(self._plan.cells, variants),
            references=self._runs(self._plan.references, variants),
            finished_at=None if self._finished is None else self._finished.finished_at,
            interrupted=self._finished is not None and self._finished.interrupted,
            labels=self._labels,
            damage=tuple(self.damage),
        )

    def _runs(self, planned: Sequence[events.PlannedCell], variants: _Variants) -> tuple[CellRun, ...]:
        return tuple(self._cells[id].run(variants, self._devices) for id in {one.id: None for one in planned})

    def _apply_plan(self, plan: events.Planned) -> None:
        variants, devices = _variants(plan), {(device.name, device.side): device for device in plan.devices}
        cells = (*plan.cells, *plan.references)
        for cell in cells:  # raises KeyError for an unknown name
            _ = _variant(cell, variants), _device(cell, devices)
        self._plan, self._devices = plan, devices
        self._cells = {cell.id: _Cell(cell) for cell in cells}

    def _apply_facts(self, facts: events.SystemFacts) -> None:
        """Apply a machine's facts to its devices in the plan.

        Only the first facts from before measuring count: a machine that was lost and came back sends more.
        """
        for key, device in self._named(facts.devices):
            if facts.when != "before":
                self._devices[key] = structs.replace(device, facts_after=facts.changing)
            elif not device.facts_before:
                machine = structs.asdict(msgspec.convert(facts.machine, _Machine))
                known = {key: value for key, value in machine.items() if value is not None}
                self._devices[key] = structs.replace(device, facts_before=facts.changing, **known)

    def _named(self, names: Sequence[str]) -> list[tuple[tuple[str, Side | None], DeviceState]]:
        """Return the devices of these names: those of both sides are on one machine."""
        return [(key, device) for key, device in self._devices.items() if device.name in names]


def _variants(plan: events.Planned) -> _Variants:
    variants: Sequence[Variant | FailedVariant] = (*plan.variants, *plan.failed)
    return {(subject(variant), variant.name, variant.side): variant for variant in variants}


def _variant(cell: events.PlannedCell, variants: _Variants) -> Variant | FailedVariant:
    """Return the variant of a cell's side, or else that of both sides. Raises KeyError."""
    names = subject(cell), cell.variant
    return variants.get((*names, cell.side)) or variants[*names, None]


def _device(cell: events.PlannedCell, devices: _Devices) -> DeviceState:
    """Return the device of a cell's side, or else that of both sides. Raises KeyError."""
    return devices.get((cell.device, cell.side)) or devices[cell.device, None]
