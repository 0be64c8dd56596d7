"""The list of delegates that something is known of beforehand."""

from __future__ import annotations

from harness.accelerators import Predictor, cpu
from harness.accelerators.edgetpu import rules as edgetpu
from harness.accelerators.gpu import rules as gpu
from harness.accelerators.xnnpack import rules as xnnpack

PREDICTORS: dict[str, Predictor] = {
    "cpu": cpu.predict,
    "xnnpack": xnnpack.predict,
    "gpu": gpu.predict,
    "edgetpu": edgetpu.predict,
}
