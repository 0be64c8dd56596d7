"""gpu: LiteRT's own accelerator (WebGPU over Vulkan), or a delegate library named in the profile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from delegates.wire import Runtime
from harness.accelerators.base import Accelerator
from harness.accelerators.options import flag, scalars
from harness.accelerators.prediction import Prediction
from harness.config.checks import InvalidValue, one_of, text
from harness.record import Artifact, Warning
from harness.record.plain import JsonObject
from harness.tflite import ModelInfo

SOFTWARE, FLOAT16 = "software-gpu", "gpu-float16"


def _complete(options: JsonObject, folder: Path | None) -> JsonObject:
    wrong = next((key for key in ("precision", "fallback") if key in options), None)
    if "library" in options and wrong:
        raise InvalidValue(
            f'option "{wrong}" belongs to LiteRT\'s accelerator; those of a library go into "options"'
        )
    return options


def _rules(model: ModelInfo, runtime: Runtime, options: JsonObject) -> Prediction:
    from harness.accelerators.gpu.rules import predict

    return predict(model, runtime, options)


def _warnings(artifact: Artifact | None, facts: JsonObject, has_nan: bool) -> Iterator[Warning]:
    if facts.get("software"):
        yield Warning(
            SOFTWARE,
            f"{facts.get('adapter') or 'the adapter'} is software: the CPU played the GPU, and these times"
            " say nothing about one",
            "measure on a machine with a GPU",
        )
    if has_nan and facts.get("precision") != "float32":
        yield Warning(
            FLOAT16,
            "GPUs calculate in float16 where they can, which overflows beyond 65504: that may be where NaN"
            " comes from",
            'give the delegate precision = "float32"',
        )


ACCELERATOR = Accelerator(
    "gpu",
    "the GPU delegate",
    options={
        "precision": one_of(("float16", "float32")),
        "fallback": flag,
        "library": text,
        "options": scalars,
    },
    device_files=("library",),
    complete=_complete,
    rules=_rules,
    warnings=_warnings,
    barring=(SOFTWARE, FLOAT16),
)
