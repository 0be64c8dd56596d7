"""xnnpack: the runtime's built-in XNNPACK delegate."""

from __future__ import annotations

from delegates.wire import Runtime
from harness.accelerators.base import Accelerator
from harness.accelerators.prediction import Prediction
from harness.record.plain import JsonObject
from harness.tflite import ModelInfo


def _rules(model: ModelInfo, runtime: Runtime, options: JsonObject) -> Prediction:
    from harness.accelerators.xnnpack.rules import predict

    return predict(model, runtime, options)


ACCELERATOR = Accelerator("xnnpack", "XNNPACK", rules=_rules, on_cpu=True)
