"""edgetpu: Coral's Edge TPU, for models that edgetpu_compiler has compiled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from delegates.wire import OpGroup, Ops, Runtime
from harness.accelerators.base import Accelerator, Compiler, OverSsh
from harness.accelerators.edgetpu.log import MAPPED
from harness.accelerators.edgetpu.options import OPTIONS, complete
from harness.accelerators.prediction import Prediction
from harness.record import Artifact, Warning
from harness.record.plain import JsonObject
from harness.tflite import ModelInfo
from harness.tflite.edgetpu_package import CUSTOM_OP

_SCHEMES_LEFT = ("float32", "float16", "dynamic", "int16x8")


def _skips(scheme: str, custom_ops: Collection[str]) -> str | None:
    if scheme in _SCHEMES_LEFT and CUSTOM_OP not in custom_ops:
        return f"the Edge TPU runs int8 and uint8 only; this variant is {scheme}"
    return None


def _rules(model: ModelInfo, runtime: Runtime, options: JsonObject) -> Prediction:
    from harness.accelerators.edgetpu.rules import predict

    return predict(model, runtime, options)


def _compiler(folder: Path, over_ssh: OverSsh, begun: Callable[[str], None]) -> Compiler:
    from harness.accelerators.edgetpu.step import EdgeTpuCompiler

    return EdgeTpuCompiler(folder, over_ssh, begun)


def _count(measured: Ops, artifact: Artifact) -> Ops:
    """Return the compiler's count of the variant's own ops, if the device runs any compiled part.

    If the compiler's words do not add up, the ops are those of the compiled file.
    """
    if not measured.delegated or not artifact.ops_total or artifact.problem or artifact.ops is None:
        return measured
    left = [
        OpGroup(row.op, row.count, [], f"edgetpu_compiler: {row.status}")
        for row in artifact.ops
        if row.status != MAPPED
    ]
    return Ops(artifact.ops_total, artifact.ops_mapped or 0, measured.partitions, left)


def _warnings(artifact: Artifact | None, facts: JsonObject, has_nan: bool) -> Iterator[Warning]:
    if artifact is not None and artifact.problem:
        yield Warning(
            "compiler-log",
            f"{artifact.problem}; ops are counted in the compiled file instead, where all that the Edge"
            " TPU runs are one op",
            "see what edgetpu_compiler --show_operations says of this variant, and report it to qbench",
        )


ACCELERATOR = Accelerator(
    "edgetpu",
    "the Edge TPU",
    options=OPTIONS,
    device_files=("library",),
    complete=complete,
    skips=_skips,
    rules=_rules,
    rules_need_runtime=False,
    # The compiler's place and time limit do not change its result.
    immaterial=("compiler", "compiler_host", "compiler_ssh_options", "compiler_timeout"),
    exclusive=True,
    compiler=_compiler,
    count=_count,
    warnings=_warnings,
)
