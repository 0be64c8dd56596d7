"""The types of what the compatibility report concludes: verdicts, and obstacles with their remedies."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["all", "partly", "none", "refused", "uncertain", "wrong", "failed"]
Known = Literal["predicted", "observed"]
Advice = Literal["ship", "wrong", "failed", "slower", "partly", "none", "refused", "uncertain"]


class Judged(Struct, frozen=True):
    """A cell that a verdict is about, and how its case is known."""

    model: str
    variant: str
    known: Known
    left: int | None = None  # ops that are not delegated
    total: int | None = None
    speedup: float | None = None  # 1 for the baseline
    software: bool = False
    compared: bool = True
    shape: str | None = None
    signature: str | None = None


class Clause(Struct, frozen=True):
    """The cells of one delegate for which the same holds."""

    advice: Advice
    likely: bool  # it is inferred from compiled models, not documented
    cells: tuple[Judged, ...]


class DelegateVerdict(Struct, frozen=True):
    """The verdict on one delegate of a device in one runtime: each of its cells is in one clause."""

    delegate: str
    runtime: str | None
    runtime_version: str | None
    clauses: tuple[Clause, ...]


class DeviceVerdict(Struct, frozen=True):
    """The verdict on a device, accelerators first."""

    device: str
    delegates: tuple[DelegateVerdict, ...]


class CellName(Struct, frozen=True):
    """The names of a cell."""

    model: str
    variant: str
    device: str
    delegate: str
    runtime: str | None
    runtime_version: str | None
    shape: str | None = None
    signature: str | None = None


class ObstacleReason(Struct, frozen=True):
    """Why ops are not delegated, or why a model is refused."""

    ops: tuple[str, ...]  # empty: the reason is about the model as a whole
    verdict: str  # "not taken", "uncertain", "refused", "perhaps refused", "wrong outputs", "failed", …
    reason: str
    source: str | None = None


class Obstacle(Struct, frozen=True):
    """What stands in the way of some cells, and has the same remedy or, without one, the same reason."""

    remedy: str | None  # None: none is known
    unlocks: tuple[CellName, ...]  # nothing else stands in their way
    loads: tuple[CellName, ...]  # refused without it; what else there is shows only then
    helps: tuple[CellName, ...]  # something else stands in their way, too, or the remedy is none
    reasons: tuple[ObstacleReason, ...]
