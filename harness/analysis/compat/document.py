"""The compatibility report, typed: what `qbench compat --json` writes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from delegates.wire import Runtime
from harness.accelerators import OpVerdict, Refusal
from harness.record import FailedVariant, Warning

SCHEMA = 1

Outcome = Literal["all", "partly", "none", "refused", "uncertain"]
KnownFrom = Literal["installed", "profile", "assumed"]


class NeedingOp(Struct, frozen=True):
    """An op that asks for a release of TensorFlow Lite.

    int16: it asks for more than its version says, because its tensors are int16.
    """

    op: str
    version: int
    int16: bool


class Needs(Struct, frozen=True):
    """The first release of TensorFlow Lite that has all ops of a model, and the ops that make it so."""

    release: str | None  # None: newer than all that are known here
    ops: tuple[NeedingOp, ...]


class Predicted(Struct, frozen=True):
    """What the rules expect of a cell, as counts of ops."""

    outcome: Outcome
    target: str  # what it holds for: "ai-edge-litert 2.3.0", "edgetpu_compiler 16.0"
    total: int
    taken: int
    likely: int  # of all, those whose verdict is only likely
    uncertain: int
    partitions: int | None  # None: not known
    refusal: Refusal | None


class DevicePrediction(Struct, frozen=True):
    """What the rules expect of one model on one delegate of a device, also op by op."""

    device: str
    delegate: str
    outcome: Outcome
    target: str
    total: int
    taken: int
    likely: int
    uncertain: int
    partitions: int | None
    refusal: Refusal | None
    ops: tuple[OpVerdict, ...]  # of the primary subgraph, in order


class Observed(Struct, frozen=True):
    """What a stored run saw of a cell."""

    run_id: str
    runtime: tuple[str | None, str | None]  # name, version
    outcome: Outcome
    total: int | None
    taken: int | None
    partitions: int | None
    reason: str | None
    software: bool
    matches: bool | None = None  # whether it was predicted so; None: that can't be said


class OpsInTheWay(Struct, frozen=True):
    """Ops of one kind that are not certain to be delegated, for one reason."""

    op: str
    count: int
    verdict: str
    likely: bool
    reason: str | None
    remedy: str | None
    source: str


class CompatCell(Struct, frozen=True):
    """One variant on one delegate of a device, in one runtime: predicted, and observed if it was."""

    model: str
    variant: str
    device: str
    delegate: str
    runtime: str | None  # None: the rules are the same for all
    runtime_version: str | None
    predicted: Predicted
    observed: Observed | None
    in_the_way: tuple[OpsInTheWay, ...]


class CompatModel(Struct, frozen=True):
    """A model as the user named it."""

    name: str
    source: str | None


class CompatDevice(Struct, frozen=True):
    """A device profile and the runtimes that were predicted for."""

    name: str
    place: str
    delegates: tuple[str, ...]
    runtimes: tuple[Runtime, ...]
    runtimes_known_from: KnownFrom


class CompatVariant(Struct, frozen=True):
    """A variant and what it needs of a runtime."""

    model: str
    name: str = field(name="variant")
    scheme: str | None
    sha256: str | None
    size_bytes: int | None
    needs: Needs | None  # None: it has no ops
    warnings: tuple[Warning, ...]


class CompatReport(Struct, frozen=True):
    """What each variant is expected to do on each device, beside what stored runs saw."""

    schema: int
    qbench_version: str
    models: tuple[CompatModel, ...]
    devices: tuple[CompatDevice, ...]
    variants: tuple[CompatVariant, ...]
    failed: tuple[FailedVariant, ...]
    cells: tuple[CompatCell, ...]
