"""Pairs of runs that differ in one thing, made of the record's own types."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from harness.analysis import document
from harness.analysis.comparison import compare_runs
from harness.record import CellRun, DeviceState, Run, Variant
from harness.record.comparison import ComparedCell, Comparison, Limits
from tests.unit.run_builder import cell, device, launched, measured, run, variant

Times = Mapping[tuple[str, str], float]

MS: Times = {
    ("float32", "cpu"): 4.0,
    ("int8", "cpu"): 2.0,
    ("float32", "xnnpack"): 1.0,
    ("int8", "xnnpack"): 0.5,
}


def noisy(ms: float, count: int = 10, noise: float = 0.003, seed: int = 0) -> list[float]:
    """Times of launches around a value, in ms."""
    chance = random.Random(f"{ms} {count} {seed}")  # noqa: S311 - samples
    return [ms * (1 + chance.gauss(0, noise)) for _ in range(count)]


def made(  # noqa: PLR0913 - what a run can differ in
    seed: int = 0,
    *,
    slower: Mapping[tuple[str, str], float] = {},
    drift: float = 1.0,
    count: int = 10,
    noise: float = 0.003,
    sizes: Mapping[str, int] = {},
    changed: Sequence[str] = (),
    instead: Mapping[tuple[str, str], CellRun] = {},
    machine: Mapping[str, Any] = {},
    **more: Any,
) -> Run:
    """A run of two variants on cpu and xnnpack.

    slower: factors of cells. drift: of all. changed: variants with other files. instead: cells that
    replace those of the same name. machine: changes of the devices. more: of the run.
    """
    cells = []
    for name, ms in MS.items():
        times = noisy(ms * drift * slower.get(name, 1.0), count, noise, seed)
        cells.append(instead.get(name) or measured(cell(*name), times))
    variants = [variant(name, sizes.get(name, 10_000)) for name in ("float32", "int8")]
    files = [replace(one, sha256="f" * 64) if one.name in changed else one for one in variants]
    devices = [replace(device(name), **machine) for name in ("cpu", "xnnpack")]
    return run(cells, files, devices, run_id=f"run-{seed}", **more)


def by_cpu_time(built: Run, factor: float) -> Run:
    """The run with CPU times that are `factor` of the wall times."""
    cells = tuple(
        replace(
            entry,
            launches=tuple(
                launched(
                    entry, one, cpu_time_ns=[[round(ns * factor) for ns in block] for block in one.blocks_ns]
                ).launches[0]
                for one in entry.launches
            ),
        )
        for entry in built.cells
    )
    return replace(built, cells=cells)


def stored_only(built: Run) -> Run:
    """The run as a lone result document: rows without samples."""
    cells = tuple(replace(entry, launches=()) for entry in built.cells)
    return replace(built, cells=cells, exported=document(built))


def compare(base: Run, head: Run, **limits: Any) -> Comparison:
    return compare_runs((base, document(base)), (head, document(head)), Limits(**limits))


def cells_of(comparison: Comparison) -> dict[tuple[str, str], ComparedCell]:
    return {(one.variant, one.delegate): one for one in comparison.cells}


def devices_of(built: Run) -> dict[str, DeviceState]:
    return {one.name: one for one in built.devices}


def variants_of(built: Run) -> dict[str, Variant]:
    return {one.name: one for one in built.variants}
