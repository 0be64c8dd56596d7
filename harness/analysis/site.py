"""The courses of cells over many runs, as a site of results shows them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from harness.analysis.machines import same_machine
from harness.analysis.sides import document_of
from harness.record import Accuracy, DeviceState, Document, Drop, Fidelity, Row, Speedup
from harness.record.site import (
    SiteAccuracy,
    SiteCell,
    SiteDrop,
    SiteFidelity,
    SiteOps,
    SitePoint,
    SiteRun,
    SiteSetup,
    SiteSpeedup,
)
from harness.record.variant import Warning
from harness.store.index import CellEntry

T = TypeVar("T", bound=Hashable)


class CellName(NamedTuple):
    """What a cell is called from run to run."""

    model: str
    variant: str
    delegate: str
    device: str
    threads: int
    shape: str | None
    signature: str | None


def cell_name(of: Row | CellEntry) -> CellName:
    """Return what the cell of a row, or of an entry of the index, is called."""
    return CellName(of.model, of.variant, of.delegate, of.device, of.threads, of.shape, of.signature)


@dataclass
class Courses:
    """Collects documents, the oldest first."""

    runs: list[SiteRun] = field(default_factory=list)
    setups: list[SiteSetup] = field(default_factory=list)
    baselines: list[str] = field(default_factory=list)
    _points: dict[CellName, list[SitePoint]] = field(default_factory=dict)
    _messages: dict[CellName, tuple[Warning, ...]] = field(default_factory=dict)
    _machines: list[DeviceState] = field(default_factory=list)

    def add(self, run: SiteRun, document: Document) -> None:
        """Add the cells of a run; of one with `--against`, those of its HEAD side."""
        document = document_of(document, "head")
        devices = {device.name: device for device in document.devices}
        setups = {name: self._setup(device) for name, device in devices.items()}
        for row in document.cells:
            name = cell_name(row)
            setup = setups.get(row.device)
            if setup is None:
                setup = setups[row.device] = self._setup(DeviceState(row.device))
            self._points.setdefault(name, []).append(self._point(row, len(self.runs), setup))
            self._messages[name] = row.warnings
        self.runs.append(run)

    def cells(self, limit: int) -> tuple[SiteCell, ...]:
        """Return the cells with at most `limit` points each, the newest; those measured last come first."""
        newest = sorted(self._points.items(), key=lambda item: -item[1][-1].run)
        return tuple(
            SiteCell(**name._asdict(), points=tuple(points[-limit:]), messages=self._messages[name])
            for name, points in newest
        )

    def _setup(self, device: DeviceState) -> int:
        """Return the number of what a device was."""
        machine = next((at for at, known in enumerate(self._machines) if _is_one(known, device)), None)
        if machine is None:
            machine = len(self._machines)
            self._machines.append(device)
        cores = None if device.cores is None else f"{device.cores} core{'s' if device.cores > 1 else ''}"
        found = SiteSetup(
            device=device.name,
            machine=machine,
            about=", ".join(fact for fact in (device.cpu or device.arch, cores) if fact),
            note=device.note,
            runtime=device.runtime,
            runtime_version=device.runtime_version,
        )
        return _number(self.setups, found)

    def _point(self, row: Row, run: int, setup: int) -> SitePoint:
        return SitePoint(
            run=run,
            setup=setup,
            status=row.status,
            software=bool(row.delegate_facts.get("software")),
            reason=row.reason,
            latency_ms=None if row.latency_ms is None else _rounded(row.latency_ms.median),
            baseline=row.baseline,
            speedup=None if row.speedup is None or row.baseline else self._speedup(row.speedup),
            size_bytes=row.size_bytes,
            size_ratio=_rounded(row.size_ratio),
            ops=None if row.ops is None else SiteOps(row.ops.total, row.ops.delegated),
            fidelity=None if row.fidelity is None else _fidelity(row.fidelity),
            accuracy=None if row.accuracy is None else _accuracy(row.accuracy),
            warnings=tuple(dict.fromkeys(warning.code for warning in row.warnings)),
        )

    def _speedup(self, found: Speedup) -> SiteSpeedup:
        baseline = found.baseline
        name = f"{baseline}" if baseline.threads == 1 else f"{baseline} ({baseline.threads} threads)"
        over = _number(self.baselines, name)
        return SiteSpeedup(_sure(found.value), _rounded(found.low), _rounded(found.high), over)


def _is_one(known: DeviceState, device: DeviceState) -> bool:
    return known.name == device.name and same_machine(known, device)


def _number(known: list[T], wanted: T) -> int:
    """Return where in a list an entry is; it is added if it is new."""
    if wanted not in known:
        known.append(wanted)
    return known.index(wanted)


def _fidelity(found: Fidelity) -> SiteFidelity:
    return SiteFidelity(
        _rounded(found.sqnr_db), _rounded(found.max_abs_error), _rounded(found.top1_agreement)
    )


def _accuracy(found: Accuracy) -> SiteAccuracy:
    drop = found.drop
    return SiteAccuracy(
        value=_sure(found.value),
        low=_rounded(found.low),
        high=_rounded(found.high),
        metric=found.metric,
        samples=found.samples,
        drop=None if drop is None else _drop(drop),
    )


def _drop(found: Drop) -> SiteDrop:
    return SiteDrop(_sure(found.value), _rounded(found.low), _rounded(found.high), found.reference)


def _sure(value: float) -> float:
    return float(f"{value:.8g}")


def _rounded(value: float | None) -> float | None:
    return None if value is None else _sure(value)
