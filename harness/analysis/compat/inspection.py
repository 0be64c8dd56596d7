"""One model file and what is expected of it: what `qbench inspect` shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from harness.analysis.compat.document import DevicePrediction, Needs
from harness.analysis.compat.limits import needs
from harness.analysis.compat.predicted import predictions
from harness.analysis.compat.targets import Target
from harness.record.plain import JsonObject
from harness.tflite import ModelInfo
from harness.tflite.describe import describe


@dataclass(frozen=True)
class Inspection:
    """What is inside a .tflite file, and what delegates are expected to take of it."""

    file: str  # as the user gave it
    model: ModelInfo
    needs: Needs | None  # None: it has no ops
    predictions: tuple[DevicePrediction, ...]

    def to_json(self) -> JsonObject:
        """The document of `qbench inspect --json`."""
        return {
            "file": self.file,
            **msgspec.to_builtins(describe(self.model)),
            "needs": msgspec.to_builtins(self.needs),
            "predictions": msgspec.to_builtins(self.predictions),
        }


def inspect(file: str, model: ModelInfo, targets: Iterable[Target] = ()) -> Inspection:
    """What is known of a model from its file alone, with predictions for these device profiles."""
    expected = tuple(found for target in targets for found in predictions(model, target))
    return Inspection(file, model, needs(model), expected)
