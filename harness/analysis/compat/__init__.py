"""The compatibility report: what each variant is expected to do on each device, beside what was seen.

Pure: models, device profiles and stored runs in, one plain document out. Nothing is measured or probed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from delegates.wire import Runtime
from harness import __version__
from harness.accelerators import ACCELERATORS, OpVerdict, Prediction, Verdict, predict
from harness.analysis.compat import observed
from harness.analysis.compat.limits import needs
from harness.config import DelegateSpec, DeviceProfile
from harness.quantize import MadeVariant, VariantSet
from harness.record import Variant
from harness.tflite import ModelInfo, read_model_file

SCHEMA = 1


@dataclass(frozen=True)
class Target:
    """A device profile and the runtimes to predict for, with where that knowledge comes from."""

    profile: DeviceProfile
    runtimes: tuple[Runtime, ...]
    known_from: str  # installed, profile or assumed


def report(
    models: Sequence[VariantSet], targets: Sequence[Target], runs: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """One cell per model, variant, device, delegate and runtime.

    runs: result documents; of several that observed the same cell the one that comes last counts.
    Raises ModelError where a variant's file cannot be read.
    """
    seen = observed.collect(runs)
    cells = []
    for made in models:
        for variant in made.variants:
            info = read_model_file(variant.path)
            cells += [
                _cell(variant.variant, info, target, delegate, runtime, seen)
                for target in targets
                for delegate in target.profile.delegates
                for runtime in _runtimes(target, delegate)
            ]
    return {
        "schema": SCHEMA,
        "qbench_version": __version__,
        "models": [{"name": made.model.name, "source": made.model.source} for made in models],
        "devices": [_device(target) for target in targets],
        "variants": [_variant(variant) for made in models for variant in made.variants],
        "failed": [
            {"model": failure.model, "variant": failure.name, "reason": failure.reason}
            for made in models
            for failure in made.failed
        ],
        "cells": cells,
    }


def predictions(model: ModelInfo, target: Target) -> list[dict[str, Any]]:
    """What each delegate of a profile is expected to take of one model, op by op."""
    found = []
    for delegate in target.profile.delegates:
        for runtime in _runtimes(target, delegate):
            prediction = predict(model, delegate.name, runtime, delegate.options)
            found.append(
                {
                    "device": target.profile.name,
                    "delegate": delegate.name,
                    **_predicted(prediction),
                    "ops": [asdict(op) for op in prediction.ops],
                }
            )
    return found


def _runtimes(target: Target, delegate: DelegateSpec) -> tuple[Runtime, ...]:
    return target.runtimes if ACCELERATORS[delegate.name].rules_need_runtime else target.runtimes[:1]


def _device(target: Target) -> dict[str, Any]:
    return {
        "name": target.profile.name,
        "place": target.profile.place,
        "delegates": [delegate.name for delegate in target.profile.delegates],
        "runtimes": [{"name": r.name, "version": r.version} for r in target.runtimes],
        "runtimes_known_from": target.known_from,
    }


def _variant(made: MadeVariant) -> dict[str, Any]:
    variant = made.variant
    return {
        "model": variant.model,
        "variant": variant.name,
        "scheme": variant.scheme,
        "sha256": variant.sha256,
        "size_bytes": variant.size_bytes,
        "needs": needs(read_model_file(made.path)),
        "warnings": [{"code": w.code, "message": w.message} for w in variant.warnings],
    }


def _cell(
    variant: Variant,
    info: ModelInfo,
    target: Target,
    delegate: DelegateSpec,
    runtime: Runtime,
    seen: observed.Seen,
) -> dict[str, Any]:
    accelerator = ACCELERATORS[delegate.name]
    prediction = accelerator.predict(info, runtime, delegate.options)
    found = observed.find(seen, variant.sha256 or "", target.profile.name, delegate, runtime)
    return {
        "model": variant.model,
        "variant": variant.name,
        "device": target.profile.name,
        "delegate": delegate.name,
        "runtime": runtime.name if accelerator.rules_need_runtime else None,
        "runtime_version": runtime.version if accelerator.rules_need_runtime else None,
        "predicted": _predicted(prediction),
        "observed": None if found is None else {**found, "matches": _matches(prediction, found)},
        "in_the_way": _in_the_way(info, prediction),
    }


def _predicted(prediction: Prediction) -> dict[str, Any]:
    refusal = prediction.refusal
    return {
        "outcome": prediction.outcome,
        "target": prediction.target,
        "total": prediction.total,
        "taken": prediction.count(Verdict.DELEGATED),
        "likely": prediction.likely,
        "uncertain": prediction.count(Verdict.UNCERTAIN),
        "partitions": prediction.partitions,
        "refusal": None
        if refusal is None
        else {
            "reason": refusal.reason,
            "source": refusal.source,
            "remedy": refusal.remedy,
            "certain": refusal.certain,
        },
    }


def _matches(prediction: Prediction, found: Mapping[str, Any]) -> bool | None:
    """Whether the observation is what was predicted; None where that cannot be said."""
    if prediction.outcome == "uncertain":
        return None
    if prediction.outcome == "refused" or found["outcome"] == "refused":
        return bool(prediction.outcome == found["outcome"])
    if found["total"] != prediction.total:  # another count: of a compiled model, for example
        return None
    return bool(prediction.count(Verdict.DELEGATED) == found["taken"])


def _in_the_way(info: ModelInfo, prediction: Prediction) -> list[dict[str, Any]]:
    """Ops that are not certain to be taken, those alike together, the most frequent first."""
    if prediction.refusal is not None and prediction.refusal.certain:
        return []
    groups: dict[tuple[str, OpVerdict], int] = {}
    for op, verdict in zip(info.ops, prediction.ops, strict=True):
        if verdict.verdict is not Verdict.DELEGATED or verdict.likely:
            groups[op.name, verdict] = groups.get((op.name, verdict), 0) + 1
    ranked = sorted(groups.items(), key=lambda item: -item[1])
    return [
        {
            "op": op,
            "count": count,
            "verdict": str(verdict.verdict),
            "likely": verdict.likely,
            "reason": verdict.reason,
            "remedy": verdict.remedy,
            "source": verdict.source,
        }
        for (op, verdict), count in ranked
    ]
