"""Runs and cells as the index gives them, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from harness.record import Git
from harness.store.index import CellEntry, MachineEntry, RunEntry

HERE = {"arch": "x86_64", "cpu": "AMD EPYC", "cores": 2, "memory_bytes": 8_000_000_000}


def run(number: int, **more: Any) -> RunEntry:
    """A run, an hour after the one before it."""
    day, hour = divmod(number, 24)
    run_id = f"202611{day + 1:02d}-{hour:02d}0000-000-{number:04x}"
    entry = RunEntry(
        run_id=run_id,
        folder=run_id,
        started_at=f"2026-11-{day + 1:02d}T{hour:02d}:00:00Z",
        finished_at=None,
        state="finished",
        qbench_version="0.1.0",
        models=("digits",),
        devices=("cpu",),
        cells=1,
        git=Git(f"{number:040x}", "main", False),
        machines=(MachineEntry("cpu", machine="local", **HERE),),
    )
    return structs.replace(entry, **more)


def cell(entry: RunEntry, variant: str, ms: float | None, **more: Any) -> CellEntry:
    """A cell on `cpu`. ms: None if it crashed."""
    figures: dict[str, Any] = {
        "folder": entry.folder,
        "id": f"digits/{variant}/cpu/cpu/1",
        "model": "digits",
        "variant": variant,
        "device": "cpu",
        "delegate": "cpu",
        "threads": 1,
        "status": "crashed" if ms is None else "ok",
        "runtime": "ai-edge-litert",
        "latency_ms": ms,
        "floor_ms": ms,
        "speedup": None if ms is None else 1 / ms,
        "size_bytes": 1000,
        "peak_memory_bytes": 50_000_000,
        "ops_delegated": 4,
        "ops_total": 4,
        **more,
    }
    return CellEntry(**{name: figures.get(name) for name in CellEntry.__struct_fields__})


def store(
    courses: Mapping[str, Sequence[float | None]], runs: Sequence[RunEntry] | None = None
) -> tuple[list[RunEntry], list[CellEntry]]:
    """Runs, the newest first, and their cells: for each variant the times in ms, the oldest first."""
    count = len(next(iter(courses.values())))
    made = runs or [run(number) for number in range(count)]
    order = reversed(range(count))
    cells = [cell(made[at], variant, times[at]) for at in order for variant, times in courses.items()]
    return [*reversed(made)], cells
