"""The comparison document: `qbench compare --format json` (docs/compare.md)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from harness.record.row import Accuracy, BaselineName, Interval, Status
from harness.record.variant import Side

COMPARISON_SCHEMA = 1

Verdict = Literal["faster", "slower", "same", "undecided", "only_base", "only_head", "not_measured"]
Gate = Literal["latency", "size", "memory", "accuracy", "ops", "status"]
Clock = Literal["wall", "cpu"]
By = Literal["both", "latency", "speedup"]


class ComparedRun(Struct, frozen=True):
    """One of the two runs, or a side of one run."""

    run_id: str
    started_at: str | None = None
    finished_at: str | None = None
    qbench_version: str | None = None
    side: Side | None = None
    revision: str | None = None  # the hash of the commit that its models are from


class DifferingFact(Struct, frozen=True):
    """A fact that is not the same in both runs. The values are texts; None: not known in that run.

    about: "run", or the name of a device, a model, or a model and its variant.
    """

    kind: Literal["machine", "device", "run", "model", "variant"]
    about: str
    what: str
    base: str | None
    head: str | None


class Limits(Struct, frozen=True):
    """What counts as the same, and the gates: None where a gate is not set. Fractions: 0.05 is 5 %."""

    within: float = 0.02
    by: By = "both"  # what times are compared by: latency floors, speedups over a common baseline, or both
    latency: float | None = None
    size: float | None = None
    memory: float | None = None
    accuracy: float | None = None  # of the samples; of an error, as a part of BASE's
    ops: int | None = None  # more ops left on the CPU than so many
    undecided: Literal["warn", "fail"] = "warn"

    @property
    def gated(self) -> bool:
        """Whether a gate is set."""
        limits = (self.latency, self.size, self.memory, self.accuracy, self.ops)
        return any(limit is not None for limit in limits)


class CellFigures(Struct, frozen=True, kw_only=True):
    """The figures of a cell in one of the runs."""

    status: Status
    reason: str | None
    median_ms: float | None
    size_bytes: int | None
    peak_memory_bytes: int | None
    ops_total: int | None
    ops_left: int | None  # on the CPU
    left: dict[str, int]  # the same by kind of op
    sqnr_db: float | None
    top1_agreement: float | None
    accuracy: Accuracy | None = None
    warnings: tuple[str, ...]  # codes


class FidelityChange(Struct, frozen=True):
    """HEAD's fidelity minus BASE's. Above 0 is closer to the reference."""

    sqnr_db: float | None
    top1_agreement: float | None


class ComparedCell(Struct, frozen=True, kw_only=True):
    """A cell in both runs.

    ratio: BASE's time / HEAD's; above 1, HEAD is faster. Its interval holds those of `as_measured`, the
    ratio of the latency floors, and of `relative`, the ratio of the speedups over `relative_to`, as far as
    there are any. memory_change: HEAD's peak / BASE's - 1, like size_change.
    """

    id: str
    model: str
    variant: str
    device: str
    delegate: str
    threads: int
    verdict: Verdict
    ratio: Interval | None = None
    as_measured: Interval | None = None
    relative: Interval | None = None
    relative_to: BaselineName | None = None
    clock: Clock | None = None  # of `as_measured`; None: from stored figures, without samples
    yardstick: bool = False  # other cells are compared relative to this one
    same_file: bool | None = None  # and the same runtime and options; None: not known
    reason: str | None = None  # why times are not compared, or not decided
    size_change: float | None = None
    memory_change: Interval | None = None
    accuracy_change: Interval | None = None  # HEAD's minus BASE's; of an error as a part of BASE's
    ops_change: int | None = None  # so many more ops are left on the CPU
    fidelity_change: FidelityChange | None = None
    base: CellFigures | None = None
    head: CellFigures | None = None
    failed: tuple[Gate, ...] = ()
    undecided: tuple[Gate, ...] = ()  # gates that the data can't decide
    shape: str | None = None
    signature: str | None = None


class Comparison(Struct, frozen=True, kw_only=True):
    """Two runs, cell by cell, or the two sides of one run. failed: whether a gate failed.

    against: of sides, what --against named. Their launches took turns, so they are compared in pairs.
    """

    schema: int = COMPARISON_SCHEMA
    base: ComparedRun
    head: ComparedRun
    against: str | None = None
    facts: tuple[DifferingFact, ...]
    other_machines: tuple[str, ...]  # devices that were not on the same machine in both runs
    limits: Limits
    cells: tuple[ComparedCell, ...]
    failed: bool
