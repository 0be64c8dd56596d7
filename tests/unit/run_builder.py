"""Runs made by hand of the record's own types, with ratios that can be checked in the head."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace

from delegates.wire import Failure, Launch, OpGroup, Ops, Output
from harness.record import (
    Cell,
    CellRun,
    Converter,
    Delegate,
    DeviceState,
    Done,
    FailedVariant,
    Header,
    Host,
    Model,
    Pending,
    Profile,
    Quantization,
    Refused,
    Run,
    Tensor,
    Variant,
    Warning,
)
from harness.record.ended import of_failure

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
    if blocks is None:  # two that are undisturbed, so that `ms` is the floor
        quiet = [round(ms * MS)] * 5
        blocks = [quiet, quiet, [round(ms * MS * 1.5)] * 10]
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
    outputs: tuple[Tensor, ...] = (tensor((1, 10)),),
    warnings: tuple[tuple[str, str], ...] = (),
) -> Variant:
    return Variant(
        model=model,
        name=name,
        scheme=name if scheme is None else scheme,
        size_bytes=size,
        sha256=name * 3,
        source_sha256="5" * 64,
        converter=Converter("tensorflow", "2.21.0"),
        settings={"optimizations": ("DEFAULT",)},
        inputs=inputs,
        outputs=outputs,
        warnings=tuple(Warning(code, message) for code, message in warnings),
    )


def device(name: str, delegates: Sequence[str] = (), place: str = "local") -> DeviceState:
    return DeviceState(
        name=name,
        place=place,
        machine="local" if place == "local" else f"pi@{name}",
        os="Linux",
        arch="x86_64",
        cpu="AMD EPYC",
        cores=2,
        memory_bytes=8_000_000_000,
        python="3.11.9",
        runtime="ai-edge-litert",
        runtime_version="2.3.0",
        profile=Profile(delegates=tuple(map(Delegate, delegates or [name]))),
        facts_before={"load": 0.1},
        facts_after={"load": 0.4},
    )


def cell(variant_name: str, delegate: str, device_name: str | None = None, **more: Any) -> CellRun:
    """A cell by its names, which `run` puts together with what they stand for.

    more: `threads`, `model`, `artifact` and `expected` of the cell, `ended` and `damage` of its run.
    """
    device_name, threads = device_name or delegate, more.pop("threads", 1)
    model, ended = more.pop("model", "digits"), more.pop("ended", Pending())
    damage = more.pop("damage", ())
    made = Cell(
        id=f"{model}/{variant_name}/{delegate}@{device_name}#{threads}",
        variant=Variant(model, variant_name),
        device=DeviceState(device_name),
        delegate=Delegate(delegate),
        threads=threads,
        **more,
    )
    return CellRun(made, ended=ended, damage=damage)


def measured(built: CellRun, ms: Sequence[float], **more: Any) -> CellRun:
    """`built` with one launch per entry of `ms`; `outputs` come with the first."""
    outputs = more.pop("outputs", ())
    return launched(
        built,
        *(
            measurement(built.cell.id, launch, value, outputs=outputs if launch == 0 else (), **more)
            for launch, value in enumerate(ms)
        ),
    )


def launched(built: CellRun, *launches: Launch, **changes: Any) -> CellRun:
    """`built` with these launches, each with `changes`; done if nothing else has ended it."""
    ended = Done() if isinstance(built.ended, Pending) else built.ended
    return replace(
        built, launches=tuple(dataclasses.replace(launch, **changes) for launch in launches), ended=ended
    )


def failure(stage: str, reason: str = "it is\n broken", **more: Any) -> Any:
    """How a cell ended whose worker failed at a stage."""
    return of_failure(Failure("job", 2, stage, reason, **more))


def run(
    cells: Sequence[CellRun], variants: Sequence[Variant], devices: Sequence[DeviceState], **more: Any
) -> Run:
    """A run of these cells. more: what of the run, or of its header, is not as usual."""
    of_header = {key: more.pop(key) for key in ("baseline", "budget_s", "precision", "run_id") if key in more}
    names = [*dict.fromkeys([made.model for made in variants] + [entry.cell.model for entry in cells])]
    header = Header(
        run_id="20261121-054412-123-3f9c",
        started_at="2026-11-21T05:44:12Z",
        qbench_version="0.1.0",
        host=Host("Linux", "x86_64", "AMD EPYC", 2),
        budget_s=1.0,
        precision=0.01,
    )
    built = Run(
        header=replace(header, **of_header),
        models=tuple(Model(name, "a" * 64, f"{name}.keras") for name in names),
        variants=tuple(variants),
        failed=(),
        devices=tuple(devices),
        cells=tuple(cells),
        finished_at="2026-11-21T05:50:00Z",
    )
    return joined(replace(built, **more))


def joined(built: Run) -> Run:
    """The run with cells that hold its variants and devices, not only their names."""
    variants = {(made.model, made.name): made for made in built.variants}
    devices = {there.name: there for there in built.devices}
    entries = []
    for entry in built.cells:
        made = entry.cell
        found = variants.get((made.model, made.variant.name))
        whole = replace(
            made,
            variant=found or FailedVariant(made.model, made.variant.name, "it was not made"),
            device=devices.get(made.device.name, made.device),
        )
        entries.append(replace(entry, cell=whole))
    return replace(built, cells=tuple(entries))


INT8_LEFT = [
    OpGroup("CONV_2D", 2, ["int8"], "tflite-runtime 2.14 has no int8 kernels in XNNPACK; ai-edge-litert has"),
    OpGroup("SOFTMAX", 1, ["int8"], "tflite-runtime 2.14 has no int8 kernels in XNNPACK; ai-edge-litert has"),
]


def typical() -> Run:
    """Digits in four variants on cpu and xnnpack: a winner, a fallback, a partial, a refused variant."""
    reference = np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 0.5]])
    close, far = output(reference + 0.01), output(reference[:, ::-1])
    refused = Refused("the converter has no int16 kernel for ARG_MAX")
    cells = [
        measured(cell("float32", "cpu"), [1.0, 1.1, 0.9], outputs=[output(reference)]),
        measured(cell("dynamic", "cpu"), [1.0, 1.08, 0.93], outputs=[close]),
        measured(cell("int8", "cpu"), [2.0, 2.2, 1.8], outputs=[far]),
        cell("int16x8", "cpu", ended=refused),
        measured(cell("float32", "xnnpack"), [0.25, 0.28, 0.22], outputs=[output(reference)]),
        measured(cell("dynamic", "xnnpack"), [0.5, 0.55, 0.45], outputs=[close], ops=Ops(4, 1, 1, INT8_LEFT)),
        measured(cell("int8", "xnnpack"), [2.1, 2.2, 1.9], outputs=[far], ops=Ops(3, 0, 0, INT8_LEFT)),
        cell("int16x8", "xnnpack", ended=refused),
    ]
    generated = (("generated-calibration", "calibrated on random data: its accuracy means nothing"),)
    variants = [
        variant("float32", 40_000),
        variant("dynamic", 16_000),
        variant("int8", 10_000, warnings=generated),
    ]
    return run(cells, variants, [device("cpu"), device("xnnpack")])
