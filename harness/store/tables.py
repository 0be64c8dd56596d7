"""Write the raw samples of a run as tables, each of which pandas reads in one call (docs/results.md)."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from delegates.wire import Launch
from harness.files import replacing
from harness.record import Cell, Run

SAMPLES_CSV = "samples.csv.gz"
LAUNCHES_CSV = "launches.csv"
COPIES_CSV = "copies.csv.gz"
CELL_COLUMNS = ("model", "variant", "delegate", "device", "threads", "launch")
EXTRA_COLUMNS = ("side", "shape", "signature")  # each only where a cell has one
COLUMNS = {
    SAMPLES_CSV: ("block", "run_ns", "own_ns"),
    LAUNCHES_CSV: (
        "runtime",
        "runtime_version",
        "python",
        "affinity",
        "warmup",
        "init_ns",
        "first_ns",
        "peak_memory_bytes",
        "tick_ns",
        "launcher",
    ),
    COPIES_CSV: ("run_ns",),
}


def write_tables(run: Run, folder: Path) -> None:
    """Write the tables of all launches, each file completely or not at all. Raises OSError.

    The columns `side`, `shape` and `signature` are there only where a cell of the run has one.
    """
    for name, rows in _ROWS.items():
        with replacing(folder / name) as file:
            if name.endswith(".gz"):
                with gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed:
                    _write(run, name, rows, packed)
            else:
                _write(run, name, rows, file)


def _write(run: Run, name: str, rows: _Rows, file: BinaryIO | gzip.GzipFile) -> None:
    """Write one table. The columns that all rows of a launch share are formatted once per launch."""
    extra = extra_columns(run)
    file.write(csv_line((*extra, *CELL_COLUMNS, *COLUMNS[name])))
    for cell in run.cells:
        for launch in cell.launches:
            begin = csv_line((*(getattr(cell.cell, one) for one in extra), *_key(cell.cell), launch.launch))[
                :-1
            ]
            file.writelines(rows(begin, launch))


def extra_columns(run: Run) -> list[str]:
    """Return those of `EXTRA_COLUMNS` that a cell of the run has."""
    return [name for name in EXTRA_COLUMNS if any(getattr(entry.cell, name) for entry in run.cells)]


def _key(cell: Cell) -> Sequence[Any]:
    return cell.model, cell.variant.name, cell.delegate.name, cell.device.name, cell.threads


def csv_line(values: Sequence[Any]) -> bytes:
    """Return one line of a table. Bytes of a file name that are not UTF-8 become \\udcXX."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _sample_rows(begin: bytes, launch: Launch) -> Iterator[bytes]:
    for block, samples in enumerate(launch.blocks_ns):
        same = b"%s,%d," % (begin, block)
        if launch.cpu_time_ns:
            pairs = zip(samples, launch.cpu_time_ns[block], strict=True)
            yield _lines(same, b"%d,%d\n", len(samples), itertools.chain.from_iterable(pairs))
        else:
            yield _lines(same, b"%d,\n", len(samples), samples)


def _lines(same: bytes, rest: bytes, count: int, values: Iterable[int]) -> bytes:
    """Return `count` lines that begin alike. All are formatted at once, which takes half the time."""
    return (same.replace(b"%", b"%%") + rest) * count % tuple(values)


def _launch_rows(begin: bytes, m: Launch) -> Iterator[bytes]:
    cpus = None if m.affinity is None else " ".join(map(str, m.affinity))
    where = (m.runtime, m.runtime_version, m.python, cpus)
    figures = (m.warmup, m.init_ns, m.first_ns, m.peak_memory_bytes, m.timer_resolution_ns, m.launcher)
    yield begin + b"," + csv_line((*where, *figures))


def _copy_rows(begin: bytes, launch: Launch) -> Iterator[bytes]:
    yield _lines(begin, b",%d\n", len(launch.end_to_end_ns), launch.end_to_end_ns)


_Rows = Callable[[bytes, Launch], Iterator[bytes]]
_ROWS: Mapping[str, _Rows] = {
    SAMPLES_CSV: _sample_rows,
    LAUNCHES_CSV: _launch_rows,
    COPIES_CSV: _copy_rows,
}
