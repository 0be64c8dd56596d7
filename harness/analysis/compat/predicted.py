"""Predictions, in the form that the compatibility report and `qbench inspect` show."""

from __future__ import annotations

from collections import Counter
from typing import cast

from msgspec.structs import asdict

from harness.accelerators import OpVerdict, Prediction, Verdict, predict
from harness.analysis.compat.document import DevicePrediction, OpsInTheWay, Outcome, Predicted
from harness.analysis.compat.targets import Target
from harness.tflite import ModelInfo


def predictions(model: ModelInfo, target: Target) -> list[DevicePrediction]:
    """Predict one model for each delegate of a profile, once per runtime."""
    results = []
    for delegate in target.profile.delegates:
        for runtime in target.runtimes_for(delegate):
            prediction = predict(model, delegate.name, runtime, delegate.options)
            results.append(
                DevicePrediction(
                    device=target.profile.name,
                    delegate=delegate.name,
                    **asdict(predicted(prediction)),
                    ops=prediction.ops,
                )
            )
    return results


def predicted(prediction: Prediction) -> Predicted:
    """Return the prediction as counts of ops."""
    return Predicted(
        outcome=cast(Outcome, prediction.outcome),
        target=prediction.target,
        total=prediction.total,
        taken=prediction.count(Verdict.DELEGATED),
        likely=prediction.likely,
        uncertain=prediction.count(Verdict.UNCERTAIN),
        partitions=prediction.partitions,
        refusal=prediction.refusal,
    )


def in_the_way(model: ModelInfo, prediction: Prediction) -> tuple[OpsInTheWay, ...]:
    """Return the ops that may not be delegated, grouped by kind and reason, the most frequent first."""
    if prediction.refused:
        return ()
    groups = Counter(
        (op.name, verdict)
        for op, verdict in zip(model.ops, prediction.ops, strict=True)
        if verdict.verdict is not Verdict.DELEGATED or verdict.likely
    )
    return tuple(_group(op, verdict, count) for (op, verdict), count in groups.most_common())


def _group(op: str, verdict: OpVerdict, count: int) -> OpsInTheWay:
    return OpsInTheWay(
        op=op,
        count=count,
        verdict=str(verdict.verdict),
        likely=verdict.likely,
        reason=verdict.reason,
        remedy=verdict.remedy,
        source=verdict.source,
    )
