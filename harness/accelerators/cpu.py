"""The runtime's own kernels: whatever it loads, it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delegates.wire import Runtime
from harness.accelerators import OpVerdict, Prediction, Verdict, all_alike, loading
from harness.tflite import ModelInfo


def predict(model: ModelInfo, runtime: Runtime, options: Mapping[str, Any]) -> Prediction:
    target = f"{runtime.name} {runtime.version}"
    verdict = OpVerdict(Verdict.TAKEN, source=loading.SOURCE)
    return all_alike(model, "cpu", target, verdict, loading.refusal(model, runtime))
