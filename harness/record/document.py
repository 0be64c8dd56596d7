"""The result document: run.json and --json (docs/results.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from harness.record.device import DeviceState
from harness.record.row import Row
from harness.record.variant import Model, Variant

SCHEMA = 1


class Host(Struct, frozen=True):
    """The machine that ran qbench."""

    os: str | None = None
    arch: str | None = None
    cpu: str | None = None
    cores: int | None = None
    memory_bytes: int | None = None
    python: str | None = None
    packages: Mapping[str, str] = {}


class Git(Struct, frozen=True):
    """The state of the git repository that a run was started in."""

    revision: str  # the full hash of the commit
    branch: str | None  # None: a detached HEAD
    dirty: bool  # whether tracked files were changed


class Conclusion(Struct, frozen=True):
    """The recommended cell of one model and baseline. Cells are named by their ids."""

    model: str
    verdict: Literal["fastest", "tied", "baseline", "not-shown", "none"]
    cell: str | None
    reason: str | None = None  # what decided among ties: SQNR, top-1, ops, size or speed
    ties: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    budget_s: float | None = None  # about the budget that would decide the first undecided cell
    barred: tuple[str, ...] = ()
    shape: str | None = None
    signature: str | None = None


class Document(Struct, frozen=True, kw_only=True):
    """The result document: a run, and every figure derived from it."""

    schema: int
    run_id: str
    started_at: str | None = None
    finished_at: str | None
    qbench_version: str | None = None
    interrupted: bool
    budget_s: float | None = None
    precision: float | None = None
    baseline: str | None = None
    git: Git | None = None
    tags: Mapping[str, str] = {}
    against: str | None = None  # as asked for: what --against names
    base_revision: str | None = None  # the hash of the commit, if it names one
    resumes: str | None = None  # id of the run whose missing cells this one measures
    estimator: int | None = None  # version of the functions that derived the figures
    host: Host = Host()
    models: tuple[Model, ...]
    variants: tuple[Variant, ...]
    devices: tuple[DeviceState, ...]
    cells: tuple[Row, ...]
    conclusions: tuple[Conclusion, ...] = ()
