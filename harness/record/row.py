"""A row: one cell as the result document, the table and the API show it (docs/results.md)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from delegates.wire import Ops
from harness.record.cell import CompilerOp
from harness.record.ended import WorkerEnd
from harness.record.plain import JsonObject
from harness.record.variant import Side, Warning

Status = Literal["ok", "partial", "fallback", "skipped", "unavailable", "refused", "crashed", "timeout"]

__all__ = [
    "Accuracy",
    "BaselineName",
    "Compiled",
    "Drop",
    "Fidelity",
    "Interval",
    "Latency",
    "Row",
    "Speedup",
    "Status",
    "Warning",
]


class BaselineName(Struct, frozen=True):
    """The names of the cell that another one is compared with."""

    variant: str
    delegate: str
    device: str
    threads: int

    def __str__(self) -> str:
        """Return VARIANT/DELEGATE@DEVICE, as --baseline accepts it."""
        return f"{self.variant}/{self.delegate}@{self.device}"


class Interval(Struct, frozen=True):
    """An estimate with its 95 % interval. The bounds are None if there is no interval."""

    value: float
    low: float | None
    high: float | None


class Speedup(Interval, frozen=True):
    """How many times faster than the baseline, with its 95 % interval. Above 1 is faster."""

    baseline: BaselineName


class Latency(Struct, frozen=True):
    """Latency over all samples of a cell, in ms. p90 needs 10 samples, p99 needs 100."""

    count: int
    launches: int
    min: float
    median: float
    mean: float | None = None
    stdev: float | None = None
    p90: float | None = None
    p99: float | None = None


class Fidelity(Struct, frozen=True):
    """How close outputs come to those of the reference (docs/results.md, "fidelity")."""

    reference: str
    cosine: float | None = None
    max_abs_error: float | None = None
    sqnr_db: float | None = None
    top1_agreement: float | None = None
    output: str | None = None
    samples: int | None = None
    same_rows: float | None = None
    labels: int = 0
    same_labels: float | None = None
    collapsed: bool = False


class Drop(Interval, frozen=True):
    """How much worse than float32, on the same samples, with its 95 % interval. Above 0 is worse."""

    reference: str
    samples: int  # that both were evaluated on


class Accuracy(Interval, frozen=True, kw_only=True):
    """How well a cell does on labelled samples, with its 95 % interval (docs/accuracy.md)."""

    metric: str  # top1, top5, mse, mae, or package.module:callable
    samples: int
    not_finite: int = 0  # samples whose outputs are NaN or infinite
    drop: Drop | None


class Compiled(Struct, frozen=True):
    """The compiled file that ran instead of the variant's own."""

    file: str
    sha256: str | None = None
    compiler: str | None = None
    subgraphs: int | None = None
    on_chip_bytes: int | None = None
    on_chip_free_bytes: int | None = None
    streamed_bytes: int | None = None
    ops: tuple[CompilerOp, ...] | None = None


class Row(Struct, frozen=True, kw_only=True):
    """One cell with every figure that is derived from its launches."""

    id: str | None = None
    model: str
    variant: str
    device: str
    delegate: str
    runtime: str | None = None
    threads: int
    side: Side | None = None
    shape: str | None = None
    signature: str | None = None
    baseline: bool
    status: Status
    reason: str | None
    refusal: WorkerEnd | None = None  # of the worker that failed
    size_bytes: int | None  # of the file that runs
    size_ratio: float | None  # size of the baseline / this size; > 1 is smaller
    ops: Ops | None
    compiled: Compiled | None = None
    delegate_facts: JsonObject = {}
    init_ms: float | None = None
    first_ms: float | None = None
    peak_memory_bytes: int | None
    latency_ms: Latency | None
    floor_ms: float | None = None  # median over launches
    latency_with_copies_ms: Latency | None = None
    throughput_per_s: float | None = None
    speedup: Speedup | None
    fidelity: Fidelity | None
    accuracy: Accuracy | None = None
    warnings: tuple[Warning, ...]
