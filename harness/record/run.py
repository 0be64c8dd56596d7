"""A run: everything that was asked for and everything that was answered."""

from __future__ import annotations

from msgspec import Struct

from harness.record.cell import CellRun
from harness.record.device import DeviceState
from harness.record.document import Document, Host
from harness.record.variant import FailedVariant, Model, Variant


class Header(Struct, frozen=True):
    """What was asked for, and by whom."""

    run_id: str
    started_at: str  # RFC 3339, UTC
    qbench_version: str
    host: Host
    budget_s: float | None = None
    precision: float | None = None  # a part of one: 0.01 is 1 %
    baseline: str | None = None  # as asked for: VARIANT[/DELEGATE][@DEVICE]


class Run(Struct, frozen=True):
    """One run, or several that were pooled to one: `cells` then holds the launches of all."""

    header: Header
    models: tuple[Model, ...]
    variants: tuple[Variant, ...]
    failed: tuple[FailedVariant, ...]
    devices: tuple[DeviceState, ...]
    cells: tuple[CellRun, ...]
    finished_at: str | None = None
    interrupted: bool = False
    exported: Document | None = None  # of a run without events (an older qbench's): its rows as stored
    damage: tuple[str, ...] = ()  # what was stored and can't be read any more, where no cell is known
    pooled: tuple[Run, ...] = ()  # the runs that it was made of
