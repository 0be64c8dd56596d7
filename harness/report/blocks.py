"""The blocks of a run's table: one per subject and device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.record import DeviceState, Document, Row, Subject, subject
from harness.report import figures
from harness.report.cells import hardware
from harness.report.columns import Units, one_delegate, one_thread_count, units
from harness.report.figures import clean


@dataclass(frozen=True)
class Block:
    """The cells of one subject on one device, and the title above them."""

    title: str  # digits on cpu
    about: str  # "AMD EPYC, 2 cores, ai-edge-litert 2.3.0, 1 thread"; may be empty
    note: str | None  # of the profile
    rows: tuple[Row, ...]
    units: Units


def blocks(document: Document) -> list[Block]:
    """Group the cells of a document into blocks, in the order of its cells."""
    devices = {device.name: device for device in document.devices}
    models: dict[str, list[Row]] = {}
    groups: dict[tuple[Subject, str], list[Row]] = {}
    for row in document.cells:
        models.setdefault(row.model, []).append(row)
        groups.setdefault((subject(row), row.device), []).append(row)
    shared = {model: units(rows) for model, rows in models.items()}
    return [
        _block(rows, devices.get(device), shared[about.model]) for (about, device), rows in groups.items()
    ]


def _block(rows: Sequence[Row], device: DeviceState | None, unit: Units) -> Block:
    about, name = figures.short_subject(rows[0]), figures.short(rows[0].device)
    note = clean(device.note) if device is not None and device.note else None
    return Block(f"{about} on {name}", _about(rows, device), note, tuple(rows), unit)


def _about(rows: Sequence[Row], device: DeviceState | None) -> str:
    facts = [
        f"{rows[0].delegate} delegate" if one_delegate(rows) else "",
        *dict.fromkeys(name for row in rows if (name := hardware(row))),
        *_machine(device),
        figures.plural(rows[0].threads, "thread") if one_thread_count(rows) else "",
    ]
    return ", ".join(text for fact in facts if (text := clean(fact)))


def _machine(device: DeviceState | None) -> list[str]:
    if device is None:
        return []
    return [
        device.cpu or device.arch or "",
        figures.plural(device.cores, "core") if device.cores else "",
        f"{device.runtime or ''} {device.runtime_version or ''}",
    ]
