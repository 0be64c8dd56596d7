"""A run as pandas DataFrames."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import msgspec
import pandas as pd

from harness.record import CellRun, Document, Run

_NESTED = ("warnings", "ops", "compiled", "delegate_facts", "refusal")  # not a single figure
_EXTRA = ("side", "shape", "signature")  # columns that are there only where a cell has one
_TEXTS = ["model", "variant", "delegate", "device"]


def rows_frame(document: Document) -> pd.DataFrame:
    """Return one row per cell and one column per figure: `latency_ms.median`, `speedup.low`, …

    `ops.total` and `ops.delegated` count ops, `warnings` holds codes.
    """
    cells = [msgspec.to_builtins(row) for row in document.cells]
    frame = pd.json_normalize([{k: v for k, v in cell.items() if k not in _NESTED} for cell in cells])
    for key in ("total", "delegated"):
        frame[f"ops.{key}"] = [(cell["ops"] or {}).get(key) for cell in cells]
    frame["warnings"] = [[warning["code"] for warning in cell["warnings"]] for cell in cells]
    return frame


def samples_frame(run: Run) -> pd.DataFrame:
    """Return one row per timed inference, with the columns of samples.csv.gz (docs/results.md)."""
    extra = [name for name in _EXTRA if any(getattr(entry.cell, name) for entry in run.cells)]
    columns = [*extra, *_TEXTS, "threads", "launch", "block", "run_ns", "own_ns"]
    frames = [pd.DataFrame(block, columns=columns) for cell in run.cells for block in _blocks(cell)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _blocks(entry: CellRun) -> Iterator[dict[str, Any]]:
    """Yield the columns of each launch."""
    cell = entry.cell
    names = (cell.model, cell.variant.name, cell.delegate.name, cell.device.name)
    for launch in entry.launches:
        own = list(chain(*launch.cpu_time_ns)) if launch.cpu_time_ns else None
        yield {
            **{name: getattr(cell, name) for name in _EXTRA},
            **dict(zip(_TEXTS, names, strict=True)),
            "threads": cell.threads,
            "launch": launch.launch,
            "block": [number for number, block in enumerate(launch.blocks_ns) for _ in block],
            "run_ns": list(chain(*launch.blocks_ns)),
            "own_ns": own,
        }
