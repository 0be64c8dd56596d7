"""The launches of a run that an older qbench stored, from its tables."""

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
from harness.store.tables import CELL_COLUMNS, COLUMNS, COPIES_CSV, LAUNCHES_CSV, SAMPLES_CSV

_Key = tuple[str, ...]  # a cell's, or a launch's: with its number
_Table = Mapping[_Key, Sequence[Sequence[str]]]  # what follows the key of a launch, row by row


def with_launches(run: Run, folder: Path) -> Run:
    """The same run with the launches that its tables hold. Raises ResultsError."""
    if run.exported is None:
        return run
    try:
        made = _launches(folder, run.exported.cells)
    except (OSError, EOFError, ValueError, IndexError, csv.Error, zlib.error) as error:
        raise ResultsError(f"{folder}: the raw samples can't be read: {error}") from None
    rows = zip(run.cells, run.exported.cells, strict=True)
    cells = (structs.replace(cell, launches=tuple(made[_key(row)])) for cell, row in rows)
    return structs.replace(run, cells=tuple(cells))


def _launches(folder: Path, rows: Sequence[Row]) -> Mapping[_Key, Sequence[Launch]]:
    samples = _read(folder / SAMPLES_CSV)
    copies = _read(folder / COPIES_CSV)
    launches = _read(folder / LAUNCHES_CSV)
    made: dict[_Key, list[Launch]] = {_key(row): [] for row in rows}
    row_of = {_key(row): row for row in rows}
    for key, (once, *_) in launches.items():
        if key[:-1] in made:
            row = row_of[key[:-1]]
            made[key[:-1]].append(_launch(row, int(key[-1]), once, samples.get(key, ()), copies.get(key, ())))
    return made


def _launch(
    row: Row,
    number: int,
    once: Sequence[str],
    samples: Sequence[Sequence[str]],
    copies: Sequence[Sequence[str]],
) -> Launch:
    runtime, version, python, affinity, warmup, init_ns, first_ns, peak_memory_bytes, tick_ns = once
    measured = all(own for _, _, own in samples)
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
        cpu_time_ns=_blocks((block, own) for block, _, own in samples) if measured else [],
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
    """Raises OSError, EOFError, ValueError, IndexError, csv.Error or zlib.error."""
    found: dict[_Key, list[Sequence[str]]] = {}
    with path.open("rb") as stored, gzip.GzipFile(fileobj=stored) if path.suffix == ".gz" else stored as file:
        lines = csv.reader(io.TextIOWrapper(file, "utf-8", newline=""))
        header = next(lines, [])
        key_of = [header.index(column) for column in CELL_COLUMNS]
        rest_of = [header.index(column) for column in COLUMNS[path.name]]
        for line in lines:
            key = tuple([line[index] for index in key_of])
            found.setdefault(key, []).append([line[index] for index in rest_of])
    return found


def _key(row: Row) -> _Key:
    """As the tables have it, file names that are not UTF-8 included."""
    named = (row.model, row.variant, row.delegate, row.device)
    return (*(name.encode("utf-8", "backslashreplace").decode() for name in named), str(row.threads))
