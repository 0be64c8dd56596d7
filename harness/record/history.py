"""The history document: `qbench history --json` (docs/history.md)."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

from harness.record.comparison import DifferingFact

HISTORY_SCHEMA = 1

Figure = Literal["latency", "median", "speedup", "size", "memory", "sqnr", "ops"]
FIGURES: tuple[Figure, ...] = get_args(Figure)
Whose = Literal["cell", "group", "unknown"]


class Point(Struct, frozen=True, kw_only=True):
    """A cell in one run, or in all runs of one revision.

    value: of the figure, None where it was not measured. ops_left: on the CPU.
    runs: how many there are; run_id, started_at and status are then those of the newest.
    """

    run_id: str
    started_at: str
    revision: str | None = None
    branch: str | None = None
    dirty: bool = False
    runs: int = 1
    status: str
    ops_left: int | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None


class Step(Struct, frozen=True, kw_only=True):
    """A place where a cell changed for good, or for long.

    at: the position of the first point after it among the cell's points; last: of the last one before it.
    kind: whether the figure changed, or the status or the number of ops left on the CPU.
    whose: "cell": it changed relative to the others of its group, too; "group": the others moved as well;
    "unknown": there are no others to tell, or relative to them it moved the other way. before, after: medians
    of the levels, or the states in words.
    change: after / before - 1, with its 95 % interval; None where a ratio says nothing. relative: the same
    relative to the others. moved, of: how many cells of the group (those on
    its machine; for speedups, of its subject there) moved at this point.
    """

    at: int
    last: int
    kind: Literal["figure", "status"]
    whose: Whose = "cell"
    before: float | str
    after: float | str
    change: float | None = None
    low: float | None = None
    high: float | None = None
    relative: float | None = None
    moved: int = 0
    of: int = 0
    facts: tuple[DifferingFact, ...] | None = None  # that differ; None: the runs were not asked


class Course(Struct, frozen=True, kw_only=True):
    """A cell over the runs, the oldest first.

    host: the machine of the device, "local" for the user's own; devices with the same one share it.
    machine: what it was, where the runs of a device were on several. note: why no step was looked for,
    or which runs are left out.
    """

    id: str
    model: str
    variant: str
    device: str
    delegate: str
    threads: int
    shape: str | None = None
    signature: str | None = None
    host: str
    machine: str | None = None
    points: tuple[Point, ...]
    steps: tuple[Step, ...] = ()
    note: str | None = None


class History(Struct, frozen=True, kw_only=True):
    """The courses of cells over stored runs.

    runs: how many were read; stored: how many there are of those asked for. within: the least change that
    counts. order: what the points of revisions are ordered by.
    """

    schema: int = HISTORY_SCHEMA
    figure: Figure
    by_revision: bool = False
    order: Literal["time", "git"] = "time"
    within: float
    runs: int
    stored: int
    cells: tuple[Course, ...]
