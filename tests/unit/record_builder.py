"""Records made by hand of real types: a plan, launches, and a document that stands for what is derived."""

from __future__ import annotations

import base64
import random
import struct
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from delegates.wire import Launch, OpGroup, Ops, Output
from harness import store
from harness.record import (
    SCHEMA,
    Artifact,
    Delegate,
    DeviceState,
    Document,
    Done,
    ExpectedOps,
    FailedVariant,
    Header,
    Host,
    Latency,
    Model,
    Profile,
    Refused,
    Row,
    Skipped,
    Variant,
    WorkerEnd,
    events,
)
from harness.store import Writer

MS = 1_000_000
RUN_ID = "20261121-054412-123-3f9c"


def header(run_id: str = RUN_ID, **more: Any) -> Header:
    host = Host("Linux", "x86_64", "AMD EPYC", 2)
    fields = {"budget_s": 1.0, "precision": 0.01, "started_at": "2026-11-21T05:44:12Z", **more}
    return Header(run_id, qbench_version="0.1.0", host=host, **fields)


def device(name: str) -> DeviceState:
    return DeviceState(name, cores=2, profile=Profile(delegates=(Delegate(name, {"power": 1}),)))


def cell(variant: str, delegate: str, **more: object) -> events.PlannedCell:
    name = f"digits/{variant}/{delegate}/{delegate}/1"
    return events.PlannedCell(name, "digits", variant, delegate, delegate, 1, **more)  # type: ignore[arg-type]


def plan(variants: Sequence[str] = ("float32", "dynamic")) -> events.Planned:
    """Two variants on two delegates, one of them compiled, a third that could not be made."""
    known = ExpectedOps(("CONV_2D", "SOFTMAX"), (True, None), (None, "too wide"))
    return events.Planned(
        models=(Model("digits", "a" * 64, "digits.keras"),),
        variants=tuple(
            Variant("digits", v, v, v * 3, 10_000, settings={"größe": ["DEFAULT"]}) for v in variants
        ),
        failed=(FailedVariant("digits", "int16x8", "no int16 kernel for ARG_MAX"),),
        devices=(device("cpu"), device("xnnpack")),
        cells=(
            *(cell(v, "cpu", expected=known) for v in variants),
            *(cell(v, "xnnpack", artifact=Artifact("x.tflite", "c" * 64, 5)) for v in variants),
            cell("int16x8", "cpu", ended=Skipped("not asked for")),
        ),
    )


def output(values: Sequence[float], name: str = "out") -> Output:
    data = struct.pack(f"<{len(values)}f", *values)
    return Output(name, [1, len(values)], base64.b64encode(data).decode())


def launch(
    job: str,
    number: int = 0,
    ms: float = 1.0,
    blocks: list[list[int]] | None = None,
    outputs: Sequence[Output] = (),
    cpu_times: bool = False,
) -> Launch:
    blocks = [[round(ms * MS)] * 10, [round(ms * MS * 1.5)] * 10] if blocks is None else blocks
    kind = "i" if max(map(max, blocks)) < 1 << 31 else "q"
    return Launch(
        job=job,
        launch=number,
        runtime="ai-edge-litert",
        runtime_version="2.3.0",
        python="3.11.9",
        affinity=[0, 1],
        init_ns=3 * MS,
        first_ns=2 * MS,
        warmup=5,
        blocks_ns=[array(kind, block) for block in blocks],  # as they are read again
        cpu_time_ns=[array(kind, [ns - 7 for ns in block]) for block in blocks] if cpu_times else [],
        end_to_end_ns=array(kind, [4 * MS, 5 * MS]),
        timer_resolution_ns=40.0,
        ops=Ops(4, 3, 1, [OpGroup("SOFTMAX", 1, ["int8"], "left", [3])]),
        peak_memory_bytes=50_000_000 + number,
        launcher=number - number % 4,
        outputs=list(outputs),
        delegate_facts={"library": "x.so"},
    )


def random_launch(job: str, number: int, seed: int) -> Launch:
    """Samples that hardly compress, of as many blocks as chance has it."""
    chance = random.Random(f"{job} {number} {seed}")  # noqa: S311 - samples
    blocks = [[chance.randrange(1 << 40) for _ in range(chance.randrange(1, 400))] for _ in range(3)]
    outputs = [output([chance.random() for _ in range(100)])] if number == 0 else []
    return launch(job, number, blocks=blocks, outputs=outputs, cpu_times=chance.random() < 0.5)


def launches(planned: events.Planned, each: int = 3) -> Iterator[tuple[str, Launch]]:
    """Return launches of every cell that can be measured, by number."""
    for number in range(each):
        for one in planned.cells:
            if one.ended is None:
                outputs = [output([1.0, 2.0])] if number == 0 else []
                speed = 0.5 if one.delegate == "xnnpack" else 1.0
                ms = speed * (1.0 + number / 10)
                yield one.id, launch(one.id, number, ms, outputs=outputs, cpu_times=one.delegate == "cpu")


def recorded(
    results_dir: Path, run_id: str = RUN_ID, planned: events.Planned | None = None, **more: Any
) -> Writer:
    """A run with everything that can happen in one, finished but not closed. more: of its header."""
    planned = planned or plan()
    writer = store.create(results_dir, header(run_id, **more))
    writer.planned(planned)
    machine = {"os": "Linux", "cores": 4, "board": None, "kernel": "6.1"}
    writer.system_facts(events.SystemFacts(("cpu", "xnnpack"), "before", machine, {"load_1min": 0.1}))
    for cell_id, one in launches(planned):
        writer.launched(cell_id, one)
    writer.ended(planned.cells[0].id, Done())
    writer.ended(planned.cells[1].id, Refused("it broke", WorkerEnd("invoke", 3, None, "oh\nno")))
    writer.system_facts(events.SystemFacts(("cpu",), "after", machine, {"load_1min": 0.4}))
    writer.lost(events.Lost(("xnnpack",), "the link was lost"))
    writer.finished("2026-11-21T05:50:00Z", interrupted=True)
    return writer


def document(run_id: str = RUN_ID) -> Document:
    """Return a document in place of the one that analysis derives."""
    row = Row(
        id="digits/float32/cpu/cpu/1",
        model="digits",
        variant="float32",
        device="cpu",
        delegate="cpu",
        threads=1,
        baseline=True,
        status="ok",
        reason=None,
        size_bytes=10_000,
        size_ratio=1.0,
        ops=Ops(4, 4, 0),
        peak_memory_bytes=50_000_000,
        latency_ms=Latency(60, 3, 1.0, 1.2),
        speedup=None,
        fidelity=None,
        warnings=(),
    )
    return Document(
        schema=SCHEMA,
        run_id=run_id,
        started_at="2026-11-21T05:44:12Z",
        finished_at="2026-11-21T05:50:00Z",
        interrupted=False,
        models=(Model("digits", source="größe"),),
        variants=(Variant("digits", "float32"),),
        devices=(device("cpu"),),
        cells=(row,),
    )
