"""The rows of the index: runs, and cells with their figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from harness.record import Git, Row, Side

State = Literal["finished", "interrupted", "cut-short", "running"]


class MachineEntry(Struct, frozen=True):
    """What a device of a run was, as far as it says which machine that was and what ran there."""

    name: str  # of the device
    place: str = "local"
    machine: str | None = None
    arch: str | None = None
    cpu: str | None = None
    cores: int | None = None
    memory_bytes: int | None = None


class RunEntry(Struct, frozen=True, kw_only=True):
    """A stored run as a list shows it."""

    run_id: str
    folder: str  # its name in the folder of runs: the run id, unless somebody has renamed it
    started_at: str  # RFC 3339, UTC
    finished_at: str | None
    state: State
    qbench_version: str
    models: tuple[str, ...]
    devices: tuple[str, ...]
    cells: int  # as planned
    tags: Mapping[str, str] = {}
    git: Git | None = None
    resumes: str | None = None  # id of the run whose missing cells it measures
    machines: tuple[MachineEntry, ...] = ()  # of its devices


class CellEntry(Struct, frozen=True):
    """A cell of a stored run with its figures, each as in docs/results.md. None: not measured."""

    folder: str  # of the run
    id: str
    model: str
    variant: str
    device: str
    delegate: str
    threads: int
    shape: str | None
    signature: str | None
    side: Side | None
    status: str
    runtime: str | None
    latency_ms: float | None  # median
    floor_ms: float | None
    speedup: float | None
    speedup_low: float | None
    speedup_high: float | None
    size_bytes: int | None
    peak_memory_bytes: int | None
    ops_delegated: int | None
    ops_total: int | None
    cosine: float | None
    sqnr_db: float | None
    top1_agreement: float | None

    @property
    def plain_id(self) -> str:
        """The id without the side: the same in runs with and without `--against`."""
        return self.id.removesuffix(f"/{self.side}")


def utf8(name: str) -> str:
    """Return a name with each byte that is not UTF-8 as \\udcXX, as in run.json."""
    return name.encode("utf-8", "backslashreplace").decode()


def cell_entry(folder: str, row: Row) -> CellEntry:
    """Return the entry of a row."""
    speedup, ops, fidelity = row.speedup, row.ops, row.fidelity
    return CellEntry(
        folder=folder,
        id=utf8(row.id or "/".join((row.model, row.variant, row.delegate, row.device, str(row.threads)))),
        model=utf8(row.model),
        variant=utf8(row.variant),
        device=utf8(row.device),
        delegate=utf8(row.delegate),
        threads=row.threads,
        side=row.side,
        shape=row.shape,
        signature=row.signature,
        status=row.status,
        runtime=None if row.runtime is None else utf8(row.runtime),
        latency_ms=None if row.latency_ms is None else row.latency_ms.median,
        floor_ms=row.floor_ms,
        speedup=None if speedup is None else speedup.value,
        speedup_low=None if speedup is None else speedup.low,
        speedup_high=None if speedup is None else speedup.high,
        size_bytes=row.size_bytes,
        peak_memory_bytes=row.peak_memory_bytes,
        ops_delegated=None if ops is None else ops.delegated,
        ops_total=None if ops is None else ops.total,
        cosine=None if fidelity is None else fidelity.cosine,
        sqnr_db=None if fidelity is None else fidelity.sqnr_db,
        top1_agreement=None if fidelity is None else fidelity.top1_agreement,
    )
