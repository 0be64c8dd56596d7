"""cpu: the runtime's own kernels, which run every model that the runtime loads."""

from __future__ import annotations

from delegates.wire import Runtime
from harness.accelerators import loading
from harness.accelerators.base import Accelerator
from harness.accelerators.prediction import OpVerdict, Prediction, Verdict, all_alike
from harness.record.plain import JsonObject
from harness.tflite import ModelInfo


def _rules(model: ModelInfo, runtime: Runtime, options: JsonObject) -> Prediction:
    target = f"{runtime.name} {runtime.version}"
    verdict = OpVerdict(Verdict.DELEGATED, source=loading.SOURCE)
    return all_alike(model, "cpu", target, verdict, loading.refusal(model, runtime))


ACCELERATOR = Accelerator("cpu", "cpu", rules=_rules, on_cpu=True)
