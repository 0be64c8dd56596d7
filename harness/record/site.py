"""The data of a site of results: `data.json` of `qbench site` (docs/site.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from harness.record.row import Interval, Status, Warning

SITE_SCHEMA = 1

Figures = Literal["measured"]


class SiteRun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored run. raw, samples: its files, as URLs relative to the page."""

    folder: str
    run_id: str
    started_at: str  # RFC 3339, UTC
    state: str
    qbench_version: str
    revision: str | None = None
    branch: str | None = None
    dirty: bool = False
    tags: Mapping[str, str] = {}
    raw: str
    samples: str | None = None


class SiteSetup(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a device was in a run.

    machine: a number; of one device, the same number means the same machine, as far as it can be told.
    """

    device: str
    machine: int
    about: str = ""  # AMD EPYC, 2 cores
    note: str | None = None  # of the profile, shown wherever its figures are
    runtime: str | None = None
    runtime_version: str | None = None


class SiteSpeedup(Interval, frozen=True):
    """A speedup with its 95 % interval. over: the number of its baseline in `Site.baselines`."""

    over: int


class SiteFidelity(Struct, frozen=True, omit_defaults=True):
    """How close the outputs come to the reference's, as in run.json."""

    sqnr_db: float | None = None
    max_abs_error: float | None = None
    top1_agreement: float | None = None


class SiteDrop(Interval, frozen=True):
    """How much worse than the reference, a float32 cell; above 0 is worse."""

    reference: str


class SiteAccuracy(Interval, frozen=True, kw_only=True, omit_defaults=True):
    """How well a cell does on labelled samples, as in run.json."""

    metric: str
    samples: int
    drop: SiteDrop | None = None


class SiteOps(Struct, frozen=True):
    """How many ops there are, and how many the delegate took."""

    total: int
    delegated: int


class SitePoint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cell in one run: figures as in run.json, floats with eight significant digits.

    run, setup: numbers in `Site.runs` and `Site.setups`. warnings: their codes. baseline: it is one that
    others are compared with, and has no speedup of its own. software: software on the CPU stood in for the
    accelerator.
    """

    run: int
    setup: int
    status: Status
    software: bool = False
    reason: str | None = None
    latency_ms: float | None = None  # median
    baseline: bool = False
    speedup: SiteSpeedup | None = None
    size_bytes: int | None = None
    size_ratio: float | None = None
    ops: SiteOps | None = None
    fidelity: SiteFidelity | None = None
    accuracy: SiteAccuracy | None = None
    warnings: tuple[str, ...] = ()


class SiteCell(Struct, frozen=True, kw_only=True):
    """A cell and its course: one point per run, the oldest first. messages: the newest run's warnings."""

    model: str
    variant: str
    delegate: str
    device: str
    threads: int
    shape: str | None = None
    signature: str | None = None
    figures: Figures = "measured"
    points: tuple[SitePoint, ...]
    messages: tuple[Warning, ...]


class Site(Struct, frozen=True, kw_only=True):
    """What a site shows of a store. stored: how many runs the store has, with those that are not shown."""

    schema: int = SITE_SCHEMA
    made_at: str  # RFC 3339, UTC
    qbench_version: str
    stored: int
    limit: int  # the most points of a cell: its newest
    runs: tuple[SiteRun, ...]  # the oldest first
    setups: tuple[SiteSetup, ...]
    baselines: tuple[str, ...]
    cells: tuple[SiteCell, ...]
