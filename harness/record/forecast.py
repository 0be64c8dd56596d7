"""What a run would do: `qbench run --dry-run`, and its JSON."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from harness.record.variant import Side

PlannedStatus = Literal["measure", "skipped", "unavailable", "refused"]


class ForecastCell(Struct, frozen=True, kw_only=True):
    """A cell of a run that has not begun."""

    id: str
    model: str
    variant: str
    device: str
    delegate: str
    threads: int
    side: Side | None = None
    shape: str | None = None
    signature: str | None = None
    plan: PlannedStatus
    reason: str | None = None  # why it would not be measured
    make: Literal["convert", "compile"] | None = None  # what comes first; it may fail
    seconds: float | None = None  # to measure it; None: it would not be measured
    stored_runs: int = 0  # of the same cell, from which the seconds come; 0: a rule of thumb


class ForecastDevice(Struct, frozen=True, kw_only=True):
    """A device of a run that has not begun."""

    name: str
    side: Side | None = None  # where the sides of --against differ in Python or runtime
    machine: str | None  # the same for profiles that share a machine
    problem: str | None  # why it can't be reached
    about: str | None  # its hardware and runtime


class Forecast(Struct, frozen=True, kw_only=True):
    """What a run would do, and how long it would take."""

    schema: int = 1
    resumes: str | None = None
    budget_s: float
    precision: float
    devices: tuple[ForecastDevice, ...]
    cells: tuple[ForecastCell, ...]  # in the order of the table
    prepare_s: float  # to look at the devices and to make variants
    measure_s: float  # of the machine that takes longest: machines measure at the same time
    seconds: float  # in all
