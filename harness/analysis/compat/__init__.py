"""The compatibility report: which ops each delegate is expected to run, and what stored runs observed.

Pure functions: nothing is read, measured or probed.
"""

from __future__ import annotations

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
    NeedingOp,
    Needs,
    Observed,
    OpsInTheWay,
    Predicted,
)
from harness.analysis.compat.inspection import Inspection, inspect
from harness.analysis.compat.limits import needs
from harness.analysis.compat.predicted import in_the_way, predicted, predictions
from harness.analysis.compat.targets import Target, needs_runtime, target
from harness.record import Document, FailedVariant, Model, Variant
from harness.tflite import ModelInfo

__all__ = [
    "CompatCell",
    "CompatDevice",
    "CompatModel",
    "CompatReport",
    "CompatVariant",
    "DevicePrediction",
    "Inspection",
    "NeedingOp",
    "Needs",
    "Observed",
    "OpsInTheWay",
    "Predicted",
    "ReadModel",
    "Target",
    "inspect",
    "needs",
    "predictions",
    "report",
    "target",
]


@dataclass(frozen=True)
class ReadModel:
    """A model and its variants, each with the content of its file."""

    model: Model
    variants: tuple[tuple[Variant, ModelInfo], ...]
    failed: tuple[FailedVariant, ...] = ()


def report(
    models: Sequence[ReadModel], targets: Sequence[Target], documents: Iterable[Document] = ()
) -> CompatReport:
    """Return the report, with one cell per variant, device, delegate and runtime.

    documents: stored runs, oldest first. If several observed the same cell, the latest counts.
    """
    seen = observed.collect(documents)
    pairs = [pair for read in models for pair in read.variants]
    return CompatReport(
        schema=SCHEMA,
        qbench_version=__version__,
        models=tuple(dict.fromkeys(CompatModel(read.model.name, read.model.source) for read in models)),
        devices=tuple(map(_device, targets)),
        variants=tuple(_variant(variant, info) for variant, info in pairs),
        failed=tuple(failure for read in models for failure in read.failed),
        cells=tuple(cell for pair in pairs for target in targets for cell in _cells(*pair, target, seen)),
    )


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
        shape=variant.shape,
        signature=variant.signature,
    )


def _cells(variant: Variant, info: ModelInfo, target: Target, seen: observed.Seen) -> Iterator[CompatCell]:
    for delegate in target.profile.delegates:
        for runtime in target.runtimes_for(delegate):
            prediction = predict(info, delegate.name, runtime, delegate.options)
            latest = observed.find(seen, variant.sha256, target.profile.name, delegate, runtime)
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
