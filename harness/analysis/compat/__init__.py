"""The compatibility report: which ops each delegate is expected to run, and what stored runs observed.

Pure functions: nothing is read, measured or probed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from harness import __version__
from harness.accelerators import Prediction, Verdict, predict
from harness.analysis.compat import observed
from harness.analysis.compat.document import (
    SCHEMA,
    CompatCell,
    CompatDevice,
    CompatModel,
    CompatReport,
    CompatVariant,
    DevicePrediction,
    Failure,
    Made,
    NeedingOp,
    Needs,
    Observed,
    ObservedDevice,
    ObservedRun,
    OpsInTheWay,
    Predicted,
)
from harness.analysis.compat.inspection import Inspection, inspect
from harness.analysis.compat.judged import (
    CellName,
    Clause,
    DelegateVerdict,
    DeviceVerdict,
    Judged,
    Obstacle,
    ObstacleReason,
)
from harness.analysis.compat.limits import needs
from harness.analysis.compat.obstacles import obstacles
from harness.analysis.compat.predicted import in_the_way, predicted, predictions
from harness.analysis.compat.standing import Standing, standing
from harness.analysis.compat.targets import Target, needs_runtime, target
from harness.analysis.compat.verdicts import verdicts
from harness.record import Document, FailedVariant, Model, Variant
from harness.tflite import ModelInfo

__all__ = [
    "CellName",
    "Clause",
    "CompatCell",
    "CompatDevice",
    "CompatModel",
    "CompatReport",
    "CompatVariant",
    "DelegateVerdict",
    "DevicePrediction",
    "DeviceVerdict",
    "Failure",
    "Inspection",
    "Judged",
    "Made",
    "NeedingOp",
    "Needs",
    "Observed",
    "ObservedDevice",
    "ObservedRun",
    "Obstacle",
    "ObstacleReason",
    "OpsInTheWay",
    "Predicted",
    "ReadModel",
    "Standing",
    "Target",
    "inspect",
    "needs",
    "predictions",
    "report",
    "standing",
    "target",
]

_UNKNOWN = Made()


@dataclass(frozen=True)
class ReadModel:
    """A model and its variants, each with the content of its file."""

    model: Model
    variants: tuple[tuple[Variant, ModelInfo], ...]
    failed: tuple[FailedVariant, ...] = ()


def report(
    models: Sequence[ReadModel],
    targets: Sequence[Target],
    documents: Iterable[Document] = (),
    made: Made = _UNKNOWN,
) -> CompatReport:
    """Return the report, with one cell per variant, device, delegate and runtime.

    documents: stored runs, oldest first. If several observed the same cell, the latest counts.
    """
    runs = tuple(documents)
    seen = observed.collect(runs)
    pairs = [pair for read in models for pair in read.variants]
    cells = tuple(cell for pair in pairs for target in targets for cell in _cells(*pair, target, seen))
    return CompatReport(
        schema=SCHEMA,
        qbench_version=__version__,
        models=tuple({read.model.name: _model(read.model) for read in models}.values()),
        devices=tuple(map(_device, targets)),
        variants=tuple(_variant(variant, info) for variant, info in pairs),
        failed=tuple(failure for read in models for failure in read.failed),
        cells=cells,
        made=made,
        runs=tuple(_runs(cells, runs)),
        verdicts=verdicts(cells),
        obstacles=obstacles(cells),
    )


def _runs(cells: Iterable[CompatCell], documents: Iterable[Document]) -> Iterator[ObservedRun]:
    """Yield the runs that the report shows something of, oldest first."""
    found = [source for cell in cells if (source := cell.failure or cell.observed) is not None]
    counts = Counter(source.run_id for source in found)
    for document in {document.run_id: document for document in documents}.values():
        if counts[document.run_id]:
            devices = tuple(
                ObservedDevice(device.name, device.cpu, device.runtime, device.runtime_version)
                for device in document.devices
            )
            yield ObservedRun(
                document.run_id,
                document.started_at,
                document.qbench_version,
                counts[document.run_id],
                devices,
            )


def _model(model: Model) -> CompatModel:
    return CompatModel(model.name, model.source, model.sha256)


def _device(target: Target) -> CompatDevice:
    profile = target.profile
    names = tuple(delegate.name for delegate in profile.delegates)
    return CompatDevice(profile.name, profile.place, names, target.runtimes, target.known_from)


def _variant(variant: Variant, info: ModelInfo) -> CompatVariant:
    return CompatVariant(
        model=variant.model,
        name=variant.name,
        scheme=variant.scheme,
        sha256=variant.sha256,
        size_bytes=variant.size_bytes,
        needs=needs(info),
        warnings=variant.warnings,
        converter=variant.converter,
        calibration=variant.calibration,
        shape=variant.shape,
        signature=variant.signature,
    )


def _cells(variant: Variant, info: ModelInfo, target: Target, seen: observed.Seen) -> Iterator[CompatCell]:
    for delegate in target.profile.delegates:
        for runtime in target.runtimes_for(delegate):
            prediction = predict(info, delegate.name, runtime, delegate.options)
            latest, failure = observed.find(seen, variant.sha256, target.profile.name, delegate, runtime)
            named = needs_runtime(delegate.name)
            yield CompatCell(
                model=variant.model,
                variant=variant.name,
                device=target.profile.name,
                delegate=delegate.name,
                runtime=runtime.name if named else None,
                runtime_version=runtime.version if named else None,
                predicted=predicted(prediction),
                observed=latest and replace(latest, matches=_matches(prediction, latest)),
                in_the_way=in_the_way(info, prediction),
                failure=failure,
                shape=variant.shape,
                signature=variant.signature,
            )


def _matches(prediction: Prediction, seen: Observed) -> bool | None:
    """Return whether the observation agrees with the prediction; None if they can't be compared."""
    if prediction.outcome == "uncertain":
        return None
    if "refused" in (prediction.outcome, seen.outcome):
        return prediction.outcome == seen.outcome
    if seen.total != prediction.total:  # counted differently, as in a compiled model
        return None
    return prediction.count(Verdict.DELEGATED) == seen.taken
