"""The list of delegates that something is known of beforehand."""

from __future__ import annotations

from harness.predict import Predictor, cpu, edgetpu, gpu, xnnpack

PREDICTORS: dict[str, Predictor] = {
    "cpu": cpu.predict,
    "xnnpack": xnnpack.predict,
    "gpu": gpu.predict,
    "edgetpu": edgetpu.predict,
}
