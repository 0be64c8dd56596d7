"""The raw samples of a run, in files that pandas reads in one call (see docs/results.md)."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from delegates.wire import Launch
    from harness.store import Cell

SAMPLES = "samples.csv.gz"
LAUNCHES = "launches.csv"
COPIES = "copies.csv.gz"  # inferences with the copies of inputs and outputs
_CELL_COLUMNS = ("model", "variant", "delegate", "device", "threads", "launch")
_SAMPLE_COLUMNS = (*_CELL_COLUMNS, "block", "run_ns", "own_ns")
_LAUNCH_COLUMNS = (
    *_CELL_COLUMNS,
    "runtime",
    "runtime_version",
    "python",
    "affinity",
    "warmup",
    "init_ns",
    "first_ns",
    "peak_memory_bytes",
    "tick_ns",
)
_COPIES_COLUMNS = (*_CELL_COLUMNS, "run_ns")


def headers(folder: Path) -> dict[Path, bytes]:
    """What the files of a new run begin with."""
    return {
        folder / SAMPLES: _gzip(_csv([_SAMPLE_COLUMNS])),
        folder / LAUNCHES: _csv([_LAUNCH_COLUMNS]),
        folder / COPIES: _gzip(_csv([_COPIES_COLUMNS])),
    }


def rows(folder: Path, cell: Cell, measurement: Launch) -> dict[Path, bytes]:
    """What one launch adds to each file."""
    return {
        folder / SAMPLES: _gzip(_sample_rows(cell, measurement)),
        folder / LAUNCHES: _launch_row(cell, measurement),
        folder / COPIES: _gzip(
            _csv([(*_launch_key(cell, measurement), ns) for ns in measurement.end_to_end_ns])
        ),
    }


def _gzip(data: bytes) -> bytes:
    """One gzip member; a file of several is still one gzip file (RFC 1952, section 2.2)."""
    return gzip.compress(data, compresslevel=6, mtime=0)


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _launch_key(cell: Cell, measurement: Launch) -> tuple[Any, ...]:
    return cell.model, cell.variant, cell.delegate, cell.device, cell.threads, measurement.launch


def _sample_rows(cell: Cell, measurement: Launch) -> bytes:
    key = _launch_key(cell, measurement)
    blocks = measurement.blocks_ns
    own: Sequence[Sequence[int | None]]
    own = measurement.cpu_time_ns or [[None] * len(samples) for samples in blocks]
    return _csv(
        [
            (*key, block, ns, cpu_time_ns)
            for block, samples in enumerate(blocks)
            for ns, cpu_time_ns in zip(samples, own[block], strict=True)
        ]
    )


def _launch_row(cell: Cell, m: Launch) -> bytes:
    cpus = None if m.affinity is None else " ".join(map(str, m.affinity))
    where = (m.runtime, m.runtime_version, m.python, cpus)
    figures = (m.warmup, m.init_ns, m.first_ns, m.peak_memory_bytes, m.timer_resolution_ns)
    return _csv([(*_launch_key(cell, m), *where, *figures)])
