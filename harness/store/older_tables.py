"""Read the launches of runs that an older qbench stored, from their tables."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import structs

from delegates.wire import Launch
from harness.errors import ResultsError
from harness.record import Row, Run
from harness.store.tables import (
    CELL_COLUMNS,
    COLUMNS,
    COPIES_CSV,
    EXTRA_COLUMNS,
    LAUNCHES_CSV,
    SAMPLES_CSV,
)

_NEWER = "launcher"  # a column that their tables lack

_Key = tuple[str, ...]  # of a cell, its extra columns last; of a launch, with its number at the end
_Table = Mapping[_Key, Sequence[Sequence[str]]]  # the other columns, row by row, by launch


def with_launches(run: Run, folder: Path) -> Run:
    """Return the run with the launches from its tables. Raises ResultsError."""
    if run.exported is None:
        return run
    try:
        launches = _launches(folder, run.exported.cells)
    except (OSError, EOFError, ValueError, IndexError, csv.Error, zlib.error) as error:
        raise ResultsError(f"{folder}: the raw samples can't be read: {error}") from None
    rows = zip(run.cells, run.exported.cells, strict=True)
    cells = (structs.replace(cell, launches=tuple(launches[_key(row)])) for cell, row in rows)
    return structs.replace(run, cells=tuple(cells))


def _launches(folder: Path, rows: Sequence[Row]) -> Mapping[_Key, Sequence[Launch]]:
    samples = _read(folder / SAMPLES_CSV)
    copies = _read(folder / COPIES_CSV)
    launches: dict[_Key, list[Launch]] = {_key(row): [] for row in rows}
    row_of = {_key(row): row for row in rows}
    for key, (columns, *_) in _read(folder / LAUNCHES_CSV).items():
        cell, number = key[:-1], int(key[-1])
        if cell in launches:
            launch = _launch(row_of[cell], number, columns, samples.get(key, ()), copies.get(key, ()))
            launches[cell].append(launch)
    return launches


def _launch(
    row: Row,
    number: int,
    columns: Sequence[str],
    samples: Sequence[Sequence[str]],
    copies: Sequence[Sequence[str]],
) -> Launch:
    runtime, version, python, affinity, warmup, init_ns, first_ns, peak_memory_bytes, tick_ns = columns
    has_cpu_times = all(own for _, _, own in samples)
    return Launch(
        job=row.id or "",
        launch=number,
        runtime=runtime,
        runtime_version=version,
        python=python,
        affinity=[int(cpu) for cpu in affinity.split()] or None,
        init_ns=int(init_ns),
        first_ns=int(first_ns),
        warmup=int(warmup),
        blocks_ns=_blocks((block, ns) for block, ns, _ in samples),
        cpu_time_ns=_blocks((block, own) for block, _, own in samples) if has_cpu_times else [],
        end_to_end_ns=[int(ns) for (ns,) in copies],
        timer_resolution_ns=float(tick_ns),
        ops=row.ops,
        peak_memory_bytes=int(peak_memory_bytes) if peak_memory_bytes else None,
        delegate_facts=dict(row.delegate_facts),
    )


def _blocks(samples: Iterable[tuple[str, str]]) -> list[list[int]]:
    blocks: dict[str, list[int]] = {}
    for block, ns in samples:
        blocks.setdefault(block, []).append(int(ns))
    return list(blocks.values())


def _read(path: Path) -> _Table:
    """Read one table. Raises OSError, EOFError, ValueError, IndexError, csv.Error or zlib.error."""
    rows: dict[_Key, list[Sequence[str]]] = {}
    with path.open("rb") as stored, gzip.GzipFile(fileobj=stored) if path.suffix == ".gz" else stored as file:
        lines = csv.reader(io.TextIOWrapper(file, "utf-8", newline=""))
        header = next(lines, [])
        key_of = [header.index(column) for column in CELL_COLUMNS]
        extra_of = [header.index(column) if column in header else None for column in EXTRA_COLUMNS]
        rest_of = [header.index(column) for column in COLUMNS[path.name] if column != _NEWER]
        for line in lines:
            *cell, number = [line[index] for index in key_of]
            extra = ("" if index is None else line[index] for index in extra_of)
            key = (*cell, *extra, number)
            rows.setdefault(key, []).append([line[index] for index in rest_of])
    return rows


def _key(row: Row) -> _Key:
    """Return a cell's key as the tables spell it, including names that are not UTF-8."""
    named = (row.model, row.variant, row.delegate, row.device, str(row.threads))
    extra = [getattr(row, column) or "" for column in EXTRA_COLUMNS]
    return tuple(name.encode("utf-8", "backslashreplace").decode() for name in (*named, *extra))
