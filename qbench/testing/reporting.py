"""Put measured cells into pytest-benchmark's table, JSON and stored files, and into failure reports."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from pytest_benchmark.stats import Metadata

from harness.record import Interval
from qbench.estimates import Estimate
from qbench.testing.cells import MeasuredCell

Entry = dict[str, Any]  # a line of pytest-benchmark's table, in plain types but for its parameters

_GIVEN = pytest.StashKey[list[tuple[MeasuredCell, Entry | None]]]()
_NAMES = ("name", "fullname", "group", "param", "params", "extra_info")
_PLAIN = (str, int, float, bool, type(None))


def add(item: pytest.Item, benchmark: Any, cell: MeasuredCell, table: list[Any]) -> None:
    """Add a cell that a test was given to the table, if it was timed.

    benchmark: pytest-benchmark's fixture. table: what pytest-benchmark will report.
    """
    before = item.stash.setdefault(_GIVEN, [])
    entry = _entry(benchmark, cell, first=not before) if cell.is_timed else None
    before.append((cell, entry))
    if entry is not None:
        benchmark.stats = add_entry(entry, table)


def add_entry(entry: Entry, table: list[Any]) -> Any:
    """Add an entry to the table that pytest-benchmark will report, and return it."""
    fixture = SimpleNamespace(**{name: entry[name] for name in _NAMES}, cprofile_stats=None, has_error=False)
    stats: Any = Metadata(fixture, iterations=1, options=entry["options"])  # type: ignore[no-untyped-call]
    stats.stats.data.extend(entry["samples_s"])
    table.append(stats)
    return stats


def to_send(item: pytest.Item) -> list[Entry]:
    """Return the entries of a test as another process can be sent them: objects as text."""
    entries = [entry for _, entry in item.stash.get(_GIVEN, []) if entry is not None]
    return [{**entry, "params": _plain(entry["params"])} for entry in entries]


def given(item: pytest.Item) -> list[MeasuredCell]:
    """Return the cells that a test was given."""
    return [cell for cell, _ in item.stash.get(_GIVEN, [])]


def summaries(item: pytest.Item) -> str:
    """Return what a test was given in some lines; empty if it was given nothing."""
    return "\n".join(map(_summary, given(item)))


def _entry(benchmark: Any, cell: MeasuredCell, *, first: bool) -> Entry:
    """Return a cell as an entry of the table. A test's further cells have their names beside the test's."""
    benchmark.extra_info.update(extra_info(cell))
    suffix = "" if first else f" {cell}"
    return {
        "name": benchmark.name + suffix,
        "fullname": benchmark.fullname + suffix,
        "group": benchmark.group,
        "param": benchmark.param,
        "params": benchmark.params,
        "extra_info": benchmark.extra_info if first else dict(benchmark.extra_info),
        "samples_s": cell.samples_s(),
        "options": dataclasses.asdict(cell.effort),
    }


def extra_info(cell: MeasuredCell) -> dict[str, Any]:
    """Return what pytest-benchmark stores beside the times of a cell."""
    row, compared = cell.row, cell.compared()
    return {
        "model": row.model,
        "variant": row.variant,
        "delegate": row.delegate,
        "device": row.device,
        "threads": row.threads,
        "shape": row.shape,
        "signature": row.signature,
        "runtime": row.runtime,
        "status": row.status,
        "reason": row.reason,
        "ops": None if row.ops is None else {"total": row.ops.total, "delegated": row.ops.delegated},
        "size_bytes": row.size_bytes,
        "peak_memory_bytes": row.peak_memory_bytes,
        "latency_ms": _interval(cell.latency_ms),
        "floor_ms": _interval(cell.floor_ms),
        "inferences": row.latency_ms and row.latency_ms.count,
        "launches": row.latency_ms and row.latency_ms.launches,
        "baseline": compared and str(compared[0]),
        "size_ratio": compared and compared[1],
        "speedup": _interval(compared[2]) if compared else None,
        "against": _against(cell),
        "accuracy": row.accuracy and msgspec.to_builtins(row.accuracy),
        "sqnr_db": row.fidelity and row.fidelity.sqnr_db,
        "warnings": [f"{warning.code}: {warning.message}" for warning in row.warnings],
        "run_id": cell.run_id,
        "sha256": cell.sha256,
    }


def _summary(cell: MeasuredCell) -> str:
    row, compared = cell.row, cell.compared()
    figures = [f"latency {cell.latency_ms}"] if cell.is_timed else []
    if compared is not None and compared[2] is not None:
        figures.append(f"speedup over {compared[0]} {compared[2]}")
    if row.ops is not None:
        figures.append(f"{row.ops.delegated} of {row.ops.total} ops delegated")
    status = f"{row.status}: {row.reason}" if row.reason else row.status
    warnings = [f"warning {warning.code}: {warning.message}" for warning in row.warnings]
    return "\n  ".join([f"{cell}", *figures, status, *warnings, f"stored in {cell.folder}"])


def _interval(found: Estimate | Interval | None) -> dict[str, float | None] | None:
    return None if found is None else {"value": found.value, "low": found.low, "high": found.high}


def _against(cell: MeasuredCell) -> dict[str, Any] | None:
    found = cell.against
    return None if found is None else {"verdict": found.verdict, "ratio": _interval(found.ratio)}


def _plain(params: dict[str, Any] | None) -> dict[str, Any] | None:
    if params is None:
        return None
    return {name: value if isinstance(value, _PLAIN) else repr(value) for name, value in params.items()}
