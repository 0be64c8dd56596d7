"""Run <-> results/: the stored document (run.json, see docs/results.md) and the raw samples beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from delegates.wire import Measurement, Refusal
from harness.config import DeviceProfile
from harness.quantize import VariantSet

SCHEMA = 1


@dataclass
class Cell:
    """One model x variant x delegate x device x threads, and all that is known of it.

    Grows while the run goes on: `measurements` gets one entry per launch.
    """

    id: str
    model: str
    variant: str
    device: str
    delegate: str
    threads: int
    skipped: str | None = None  # ruled out on paper, with the reason
    refused: str | None = None  # never reached a device: the variant could not be made
    unavailable: str | None = None  # the profile's Python has no runtime, the library is missing, …
    measurements: list[Measurement] = field(default_factory=list)
    refusal: Refusal | None = None
    warnings: list[tuple[str, str]] = field(default_factory=list)  # (code, message)


@dataclass
class Device:
    """A device as used in this run."""

    profile: DeviceProfile
    machine: Mapping[str, Any] = field(default_factory=dict)  # os, arch, cpu, cores, memory_bytes
    python: str | None = None
    runtime: str | None = None
    runtime_version: str | None = None
    facts_before: Mapping[str, Any] = field(default_factory=dict)
    facts_after: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Run:
    """Everything asked for and everything answered; figures are derived from it, never kept in it."""

    run_id: str
    started_at: str  # RFC 3339, UTC
    qbench_version: str
    host: Mapping[str, Any]
    models: list[VariantSet]
    devices: list[Device]
    cells: list[Cell]
    baseline: str | None = None  # as asked for: VARIANT[/DELEGATE][@DEVICE]
    finished_at: str | None = None
    interrupted: bool = False
