"""The types of the compatibility report, which `qbench compat --json` writes."""

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
    """An op that needs a certain release of TensorFlow Lite.

    int16: it needs a newer one than its version says, because its tensors are int16.
    """

    op: str
    version: int
    int16: bool


class Needs(Struct, frozen=True):
    """The oldest release of TensorFlow Lite with all ops of a model, and the ops that decide it."""

    release: str | None  # None: newer than every release known to qbench
    ops: tuple[NeedingOp, ...]


class Predicted(Struct, frozen=True):
    """The prediction for a cell, as counts of ops."""

    outcome: Outcome
    target: str  # what the prediction is for: "ai-edge-litert 2.3.0", "edgetpu_compiler 16.0"
    total: int
    taken: int
    likely: int  # ops whose verdict is only likely
    uncertain: int
    partitions: int | None  # None: not known
    refusal: Refusal | None


class DevicePrediction(Struct, frozen=True):
    """The prediction for one model on one delegate of a device, as counts and op by op."""

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
    """What a stored run observed of a cell."""

    run_id: str
    runtime: tuple[str | None, str | None]  # name, version
    outcome: Outcome
    total: int | None
    taken: int | None
    partitions: int | None
    reason: str | None
    software: bool
    matches: bool | None = None  # whether it agrees with the prediction; None: can't be compared


class OpsInTheWay(Struct, frozen=True):
    """Ops of one kind that may not be delegated, for one reason."""

    op: str
    count: int
    verdict: str
    likely: bool
    reason: str | None
    remedy: str | None
    source: str


class CompatCell(Struct, frozen=True):
    """A variant on a delegate of a device in one runtime: the prediction, and an observation if any."""

    model: str
    variant: str
    device: str
    delegate: str
    runtime: str | None  # None: the rules are the same for all
    runtime_version: str | None
    predicted: Predicted
    observed: Observed | None
    in_the_way: tuple[OpsInTheWay, ...]
    shape: str | None = None
    signature: str | None = None


class CompatModel(Struct, frozen=True):
    """A model as the user named it."""

    name: str
    source: str | None


class CompatDevice(Struct, frozen=True):
    """A device profile, and the runtimes that predictions were made for."""

    name: str
    place: str
    delegates: tuple[str, ...]
    runtimes: tuple[Runtime, ...]
    runtimes_known_from: KnownFrom


class CompatVariant(Struct, frozen=True):
    """A variant, and the release of TensorFlow Lite it needs."""

    model: str
    name: str = field(name="variant")
    scheme: str | None
    sha256: str | None
    size_bytes: int | None
    needs: Needs | None  # None: it has no ops
    warnings: tuple[Warning, ...]
    shape: str | None = None
    signature: str | None = None


class CompatReport(Struct, frozen=True):
    """The compatibility report: predictions for all cells, with observations of stored runs."""

    schema: int
    qbench_version: str
    models: tuple[CompatModel, ...]
    devices: tuple[CompatDevice, ...]
    variants: tuple[CompatVariant, ...]
    failed: tuple[FailedVariant, ...]
    cells: tuple[CompatCell, ...]
