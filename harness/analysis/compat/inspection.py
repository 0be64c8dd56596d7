"""The inspection of one model file, which `qbench inspect` shows."""

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
    """The content of a .tflite file, and predictions of which ops delegates will run."""

    file: str  # as the user gave it
    model: ModelInfo
    needs: Needs | None  # None: it has no ops
    predictions: tuple[DevicePrediction, ...]

    def to_json(self) -> JsonObject:
        """Return the document of `qbench inspect --json`."""
        return {
            "file": self.file,
            **msgspec.to_builtins(describe(self.model)),
            "needs": msgspec.to_builtins(self.needs),
            "predictions": msgspec.to_builtins(self.predictions),
        }


def inspect(file: str, model: ModelInfo, targets: Iterable[Target] = ()) -> Inspection:
    """Describe a model by its file alone, with predictions for these device profiles."""
    expected = tuple(prediction for target in targets for prediction in predictions(model, target))
    return Inspection(file, model, needs(model), expected)
