"""The types of the compatibility report, which `qbench compat --json` writes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from delegates.wire import Runtime
from harness.accelerators import OpVerdict, Refusal
from harness.analysis.compat.judged import DeviceVerdict, Obstacle
from harness.record import Calibration, Converter, FailedVariant, Host, Speedup, Warning

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
    threads: int = 1
    speedup: Speedup | None = None  # None: not measured, or no valid times
    baseline: bool = False
    compiler: str | None = None  # the version that compiled what ran
    wrong: tuple[Warning, ...] = ()  # what says that the outputs are of no use
    compared: bool = True  # False: the outputs were compared with no others
    compared_in: str | None = None  # the earlier run that compared them, if this one did not


class Failure(Struct, frozen=True):
    """A stored run in which a cell crashed, hung or failed with an error while running."""

    run_id: str
    runtime: tuple[str | None, str | None]  # name, version
    status: Literal["crashed", "timeout", "refused"]
    reason: str | None


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
    failure: Failure | None = None  # of the latest run of this cell, if it failed
    shape: str | None = None
    signature: str | None = None


class CompatModel(Struct, frozen=True):
    """A model as the user named it."""

    name: str
    source: str | None
    sha256: str | None = None


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
    converter: Converter | None = None  # None: the user gave a ready .tflite
    calibration: Calibration | None = None
    shape: str | None = None
    signature: str | None = None


class ObservedDevice(Struct, frozen=True):
    """A device of a stored run."""

    name: str
    cpu: str | None
    runtime: str | None
    runtime_version: str | None


class ObservedRun(Struct, frozen=True):
    """A stored run that observed cells of the report."""

    run_id: str
    started_at: str | None
    qbench_version: str | None
    cells: int  # of the report that it is the latest observation of
    devices: tuple[ObservedDevice, ...]


class Made(Struct, frozen=True):
    """When, where and by which rules a report was made."""

    at: str | None = None  # RFC 3339, UTC
    host: Host | None = None
    rules: str | None = None  # SHA-256 of the rules


class CompatReport(Struct, frozen=True):
    """The compatibility report: predictions for all cells, with observations of stored runs."""

    schema: int
    qbench_version: str
    models: tuple[CompatModel, ...]
    devices: tuple[CompatDevice, ...]
    variants: tuple[CompatVariant, ...]
    failed: tuple[FailedVariant, ...]
    cells: tuple[CompatCell, ...]
    made: Made = Made()
    runs: tuple[ObservedRun, ...] = ()
    verdicts: tuple[DeviceVerdict, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
