"""A run: everything that was asked for, and everything that was answered."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from delegates.wire import Output
from harness.record.cell import CellRun
from harness.record.device import DeviceState
from harness.record.document import Document, Git, Host
from harness.record.variant import FailedVariant, Model, Variant


class Asked(Struct, frozen=True):
    """The options of a run as texts, so that it can be resumed; the header holds the others.

    Whether code in model files was trusted is not recorded: that is asked for each time.
    """

    models: tuple[str, ...]
    devices: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    delegates: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    calibration: str | None = None
    dataset: str | None = None
    metric: str | None = None
    batch: int = 1
    shapes: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    devices_file: str | None = None  # that --devices-file named


class Header(Struct, frozen=True):
    """The id of a run, its options, and the machine that ran it."""

    run_id: str
    started_at: str  # RFC 3339, UTC
    qbench_version: str
    host: Host
    budget_s: float | None = None
    precision: float | None = None  # a fraction: 0.01 is 1 %
    accuracy_precision: float | None = None  # the same, of the drop
    baseline: str | None = None  # as asked for: VARIANT[/DELEGATE][@DEVICE]
    git: Git | None = None  # None: not in a repository, or git could not be asked
    tags: Mapping[str, str] = {}
    against: str | None = None  # as asked for: what --against names
    base_revision: str | None = None  # the hash of the commit, if it names one
    options: Asked | None = None  # None: objects of a program were given, or an older qbench stored the run
    resumes: str | None = None  # id of the run whose missing cells this one measures


class Run(Struct, frozen=True):
    """A run, or several pooled into one: then `cells` holds the launches of all of them."""

    header: Header
    models: tuple[Model, ...]
    variants: tuple[Variant, ...]
    failed: tuple[FailedVariant, ...]
    devices: tuple[DeviceState, ...]
    cells: tuple[CellRun, ...]
    references: tuple[CellRun, ...] = ()  # float32 on machines that have no such cell: evaluated only
    finished_at: str | None = None
    interrupted: bool = False
    exported: Document | None = None  # the stored document of a run without events, by an older qbench
    labels: Mapping[str, Output] = {}  # of samples that variants were evaluated on, by Evaluation.sha256
    damage: tuple[str, ...] = ()  # stored parts that can no longer be read and belong to no known cell
    pooled: tuple[Run, ...] = ()  # the runs it was pooled from
