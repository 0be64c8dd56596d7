"""Runs made by hand of real wire and results types, with ratios that can be checked in the head."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from delegates.wire import Launch, OpGroup, Ops, Output
from harness.config import DelegateSpec, DeviceProfile, SshTarget
from harness.quantize import MadeVariant, VariantSet
from harness.record import Converter, Model, Quantization, Tensor, Variant, Warning
from harness.store import Cell, Device, Run

MS = 1_000_000


def output(values: Any, name: str = "out", subsampled: bool = False) -> Output:
    array = np.asarray(values, "<f4")
    return Output(name, list(array.shape), base64.b64encode(array.tobytes()).decode(), subsampled)


def measurement(
    job: str,
    launch: int = 0,
    ms: float = 1.0,
    blocks: list[list[int]] | None = None,
    ops: Ops | None = Ops(4, 4, 1),  # noqa: B008 - frozen
    outputs: Sequence[Output] = (),
) -> Launch:
    blocks = [[round(ms * MS)] * 10, [round(ms * MS * 1.5)] * 10] if blocks is None else blocks
    return Launch(
        job=job,
        launch=launch,
        runtime="ai-edge-litert",
        runtime_version="2.3.0",
        python="3.11.9",
        affinity=[1],
        init_ns=3 * MS,
        first_ns=2 * MS,
        warmup=5,
        blocks_ns=blocks,
        cpu_time_ns=[],
        end_to_end_ns=[],
        timer_resolution_ns=0.0,
        ops=ops,
        peak_memory_bytes=50_000_000 + launch,
        outputs=list(outputs),
    )


def tensor(shape: tuple[int, ...] = (1, 8, 8, 1), dtype: str = "float32") -> Tensor:
    quantization = None if dtype == "float32" else Quantization((0.5,), (3,), None)
    return Tensor("x", dtype, shape, shape, quantization)


def variant(
    name: str,
    size: int = 10_000,
    scheme: str | None = None,
    model: str = "digits",
    inputs: tuple[Tensor, ...] = (tensor(),),
    warnings: tuple[tuple[str, str], ...] = (),
) -> MadeVariant:
    made = Variant(
        model=model,
        name=name,
        scheme=name if scheme is None else scheme,
        size_bytes=size,
        sha256=name * 3,
        source_sha256="5" * 64,
        converter=Converter("tensorflow", "2.21.0"),
        settings={"optimizations": ("DEFAULT",)},
        calibration=None,
        inputs=inputs,
        outputs=(tensor((1, 10)),),
        warnings=tuple(Warning(code, message) for code, message in warnings),
    )
    return MadeVariant(made, Path(f"{name}.tflite"))


def device(name: str, delegates: Sequence[str] = (), place: str = "local") -> Device:
    ssh = SshTarget(host=name) if place == "ssh" else None
    profile = DeviceProfile(name, tuple(DelegateSpec(d) for d in delegates or [name]), place=place, ssh=ssh)
    machine = {"os": "Linux", "arch": "x86_64", "cpu": "AMD EPYC", "cores": 2, "memory_bytes": 8_000_000_000}
    return Device(profile, machine, "3.11.9", "ai-edge-litert", "2.3.0", {"load": 0.1}, {"load": 0.4})


def cell(variant_name: str, delegate: str, device_name: str | None = None, **more: Any) -> Cell:
    device_name = device_name or delegate
    threads, model = more.pop("threads", 1), more.pop("model", "digits")
    name = f"{model}/{variant_name}/{delegate}@{device_name}#{threads}"
    return Cell(name, model, variant_name, device_name, delegate, threads, **more)


def measured(built: Cell, ms: Sequence[float], **more: Any) -> Cell:
    """`built` with one launch per entry of `ms`; `outputs` come with the first."""
    outputs = more.pop("outputs", ())
    built.measurements = [
        measurement(built.id, launch, value, outputs=outputs if launch == 0 else (), **more)
        for launch, value in enumerate(ms)
    ]
    return built


def run(cells: list[Cell], variants: Sequence[MadeVariant], devices: Sequence[Device], **more: Any) -> Run:
    sets = [
        VariantSet(
            Model(name, "a" * 64, f"{name}.keras"), tuple(v for v in variants if v.variant.model == name)
        )
        for name in dict.fromkeys(v.variant.model for v in variants)
    ]
    more.setdefault("finished_at", "2026-11-21T05:50:00Z")
    host = {"os": "Linux", "arch": "x86_64", "cpu": "AMD EPYC", "cores": 2}
    return Run(
        "20261121-054412-123-3f9c", "2026-11-21T05:44:12Z", "0.1.0", host, sets, list(devices), cells, **more
    )


INT8_LEFT = [
    OpGroup("CONV_2D", 2, ["int8"], "tflite-runtime 2.14 has no int8 kernels in XNNPACK; ai-edge-litert has"),
    OpGroup("SOFTMAX", 1, ["int8"], "tflite-runtime 2.14 has no int8 kernels in XNNPACK; ai-edge-litert has"),
]


def typical() -> Run:
    """Digits in four variants on cpu and xnnpack: a winner, a fallback, a partial, a refused variant."""
    reference = np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 0.5]])
    close, far = output(reference + 0.01), output(reference[:, ::-1])
    cells = [
        measured(cell("float32", "cpu"), [1.0, 1.1, 0.9], outputs=[output(reference)]),
        measured(cell("dynamic", "cpu"), [1.0, 1.08, 0.93], outputs=[close]),
        measured(cell("int8", "cpu"), [2.0, 2.2, 1.8], outputs=[far]),
        cell("int16x8", "cpu", refused="the converter has no int16 kernel for ARG_MAX"),
        measured(cell("float32", "xnnpack"), [0.25, 0.28, 0.22], outputs=[output(reference)]),
        measured(cell("dynamic", "xnnpack"), [0.5, 0.55, 0.45], outputs=[close], ops=Ops(4, 1, 1, INT8_LEFT)),
        measured(cell("int8", "xnnpack"), [2.1, 2.2, 1.9], outputs=[far], ops=Ops(3, 0, 0, INT8_LEFT)),
        cell("int16x8", "xnnpack", refused="the converter has no int16 kernel for ARG_MAX"),
    ]
    generated = (("generated-calibration", "calibrated on random data: its accuracy means nothing"),)
    variants = [
        variant("float32", 40_000),
        variant("dynamic", 16_000),
        variant("int8", 10_000, warnings=generated),
    ]
    return run(cells, variants, [device("cpu"), device("xnnpack")])
