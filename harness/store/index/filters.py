"""Which runs and cells are asked for, and the same as conditions in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

KEY = ("model", "variant", "device", "delegate", "threads", "shape", "signature", "side")
"""The columns that identify a cell within a run."""


class RunFilter(Struct, frozen=True, kw_only=True):
    """Which runs are asked for. An empty sequence and None mean all.

    folders: at most some hundreds. models, devices: runs with any of them. tags: runs that carry all of them;
    None stands for any value.
    since, until: the earliest and the latest start, RFC 3339 in UTC.
    """

    folders: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    tags: Mapping[str, str | None] = {}
    since: str | None = None
    until: str | None = None
    revision: str | None = None  # a commit's hash, or how it begins
    branch: str | None = None


class CellFilter(Struct, frozen=True, kw_only=True):
    """Which cells are asked for. An empty sequence means all.

    base: also those of the BASE side of runs with `--against`.
    """

    models: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    delegates: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    shapes: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    base: bool = False

    def has(self, cell: Named) -> bool:
        """Return whether a cell is asked for."""
        asked: tuple[tuple[Sequence[str | int], str | int | None], ...] = (
            (self.models, cell.model),
            (self.variants, cell.variant),
            (self.devices, cell.device),
            (self.delegates, cell.delegate),
            (self.threads, cell.threads),
            (self.shapes, cell.shape),
            (self.signatures, cell.signature),
        )
        return all(not names or name in names for names, name in asked)


class Named(Protocol):
    """What has the names of a cell."""

    @property
    def model(self) -> str:
        """Its model."""

    @property
    def variant(self) -> str:
        """Its variant."""

    @property
    def device(self) -> str:
        """Its device."""

    @property
    def delegate(self) -> str:
        """Its delegate."""

    @property
    def threads(self) -> int:
        """Its number of threads."""

    @property
    def shape(self) -> str | None:
        """The shape asked for."""

    @property
    def signature(self) -> str | None:
        """The signature asked for."""


def run_condition(wanted: RunFilter) -> tuple[str, list[str | None]]:
    """Return the condition on a row of `runs`, and its values."""
    parts, values = ["1"], list[str | None]()
    if wanted.folders:
        parts.append(f"runs.folder IN ({marks(wanted.folders)})")
        values += wanted.folders
    for column, names in (("models", wanted.models), ("devices", wanted.devices)):
        if names:
            parts.append(f"EXISTS (SELECT 1 FROM json_each(runs.{column}) WHERE value IN ({marks(names)}))")
            values += names
    for name, value in wanted.tags.items():
        parts.append("EXISTS (SELECT 1 FROM json_each(runs.tags) WHERE key = ? AND value = ifnull(?, value))")
        values += [name, value]
    for condition, given in (
        ("started_at >= ?", wanted.since),
        ("started_at <= ?", wanted.until),
        ("branch = ?", wanted.branch),
        ("revision >= ?", wanted.revision),
        ("revision < ?", None if wanted.revision is None else wanted.revision + "g"),
    ):
        if given is not None:
            parts.append(condition)
            values.append(given)
    return " AND ".join(parts), values


def cell_condition(wanted: CellFilter) -> tuple[str, list[str | int]]:
    """Return the condition on a row of `cells`, and its values."""
    asked: tuple[Sequence[str | int], ...] = (
        wanted.models,
        wanted.variants,
        wanted.devices,
        wanted.delegates,
        wanted.threads,
        wanted.shapes,
        wanted.signatures,
    )
    parts, values = ["1" if wanted.base else "cells.side IS NOT 'base'"], list[str | int]()
    for column, names in zip(KEY, asked, strict=False):  # all but the side
        if names:
            parts.append(f"cells.{column} IN ({marks(names)})")
            values += names
    return " AND ".join(parts), values


def marks(values: Sequence[object]) -> str:
    """Return "?, ?, ?", one for each value."""
    return ", ".join("?" * len(values))
