"""From raw measurements to the rows: ratios, op counts, statuses, baselines, exit codes."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from delegates.wire import OpGroup, Ops
from harness.analysis import document, exit_code
from harness.record import (
    BaselineName,
    CellRun,
    DeviceState,
    Document,
    Done,
    Refused,
    Run,
    Skipped,
    Unavailable,
    WorkerEnd,
)
from tests.unit.run_builder import (
    INT8_LEFT,
    cell,
    device,
    failure,
    measured,
    output,
    run,
    tensor,
    typical,
    variant,
)

CONTRACT_CELL = (
    *("model", "variant", "device", "delegate", "runtime", "threads", "status", "reason", "size_bytes"),
    *("size_ratio", "ops", "init_ms", "first_ms", "peak_memory_bytes", "latency_ms", "speedup", "fidelity"),
    *("accuracy", "warnings"),
)
CONTRACT_TOP = (
    *("schema", "run_id", "started_at", "finished_at", "qbench_version", "interrupted", "host", "models"),
    *("variants", "devices", "cells"),
)


def found(built: Run, variant_name: str, delegate: str, device_name: str | None = None) -> Any:
    wanted = (variant_name, delegate, device_name or delegate)
    return next(row for row in document(built).cells if (row.variant, row.delegate, row.device) == wanted)


def one(built: CellRun, *others: CellRun, **more: Any) -> Any:
    """The row of `built`, on an xnnpack device beside a measured float32 baseline."""
    baseline = measured(cell("float32", "cpu"), [1.0, 1.0])
    variants = [variant("float32", 40_000), variant("int8", 10_000)]
    doc = document(run([baseline, built, *others], variants, [device("cpu"), device("xnnpack")], **more))
    return next(row for row in doc.cells if row.id == built.cell.id)


def test_the_document_has_the_contracts_keys_and_is_json() -> None:
    doc = msgspec.to_builtins(document(typical()))
    assert set(CONTRACT_TOP) <= set(doc)
    assert all(set(CONTRACT_CELL) <= set(c) for c in doc["cells"])
    assert json.loads(json.dumps(doc, allow_nan=False))
    assert (doc["schema"], doc["interrupted"], doc["models"][0]["source"]) == (1, False, "digits.keras")
    assert doc["devices"][1]["name"] == "xnnpack" and doc["devices"][1]["facts_after"] == {"load": 0.4}


def test_what_was_asked_for_stands_in_the_document() -> None:
    doc = document(run([], [], [], baseline="int8", budget_s=2.0, precision=0.05, interrupted=True))
    assert (doc.baseline, doc.budget_s, doc.precision, doc.interrupted) == ("int8", 2.0, 0.05, True)


def test_figures_of_a_measured_cell() -> None:
    blocks = [[3_000_000, 2_000_000], [4_000_000]]
    got = one(measured(cell("int8", "xnnpack"), [1, 1], blocks=blocks))
    assert (got.init_ms, got.first_ms, got.runtime) == (3.0, 2.0, "ai-edge-litert")
    assert got.peak_memory_bytes == 50_000_001  # the larger of two launches
    assert got.latency_ms.count == 6 and got.latency_ms.launches == 2
    assert got.latency_ms.median == 3.0 and got.latency_ms.p90 is None


def test_speedup_is_baseline_time_by_own_time() -> None:
    got = found(typical(), "float32", "xnnpack").speedup
    ratios = np.log([1.0 / 0.25, 1.1 / 0.28, 0.9 / 0.22])
    half = 4.302653 * ratios.std(ddof=1) / math.sqrt(3)
    assert got.baseline == BaselineName("float32", "cpu", "cpu", 1)
    interval = math.exp(ratios.mean() - half), math.exp(ratios.mean() + half)
    assert (got.value, got.low, got.high) == pytest.approx((math.exp(ratios.mean()), *interval))


def test_the_baseline_is_marked_and_has_ratio_one() -> None:
    cells = document(typical()).cells
    assert [c.id for c in cells if c.baseline] == ["digits/float32/cpu@cpu#1"]
    assert cells[0].speedup.value == cells[0].size_ratio == 1


def test_size_ratio_also_where_nothing_ran() -> None:
    got = one(cell("int8", "xnnpack", ended=Skipped("no")))
    assert (got.size_bytes, got.size_ratio, got.latency_ms, got.speedup) == (
        10_000,
        4.0,
        None,
        None,
    )
    assert found(typical(), "int16x8", "cpu").size_ratio is None  # never made: no file


@pytest.mark.parametrize(
    ("more", "status", "reason"),
    [
        ({"ended": Skipped("float32 cannot run there")}, "skipped", "float32 cannot run there"),
        ({"ended": Refused("no kernel")}, "refused", "no kernel"),
        ({"ended": Unavailable("no runtime")}, "unavailable", "no runtime"),
        ({"ended": failure("runtime")}, "unavailable", "it is broken"),
        ({"ended": failure("delegate")}, "unavailable", "it is broken"),
        ({"ended": failure("load")}, "refused", "it is broken"),
        ({"ended": failure("allocate")}, "refused", "it is broken"),
        ({"ended": failure("invoke")}, "refused", "it is broken"),
        ({"ended": failure("crash", signal="SIGILL")}, "crashed", "it is broken (SIGILL)"),
        ({"ended": failure("timeout")}, "timeout", "it is broken"),
        ({}, "crashed", "the device ended without an answer for this cell"),
    ],
)
def test_status_of_what_was_not_measured(more: dict[str, Any], status: str, reason: str) -> None:
    got = one(cell("int8", "xnnpack", **more))
    assert (got.status, got.reason, got.latency_ms) == (status, reason, None)


def test_a_refusal_keeps_what_the_worker_wrote() -> None:
    got = one(cell("int8", "xnnpack", ended=failure("crash", signal="SIGSEGV", stderr="boom")))
    assert got.refusal == WorkerEnd("crash", 2, "SIGSEGV", "boom")


def test_a_later_crash_keeps_the_figures_of_the_launches_before() -> None:
    got = one(measured(cell("int8", "xnnpack", ended=failure("crash")), [0.5, 0.5]))
    assert got.status == "crashed" and "2 launches before" in got.reason
    assert got.latency_ms.launches == 2 and got.speedup.value == pytest.approx(2)


def test_interrupted_cells_are_skipped() -> None:
    got = one(cell("int8", "xnnpack"), interrupted=True)
    assert (got.status, got.reason) == ("skipped", "interrupted before it was measured")
    got = one(cell("int8", "xnnpack"), finished_at=None)
    assert got.status == "skipped" and "had not come to it" in got.reason


def test_ops_decide_between_ok_partial_and_fallback() -> None:
    def verdict(ops: Ops | None) -> tuple[str, str | None]:
        got = one(measured(cell("int8", "xnnpack"), [1], ops=ops))
        return got.status, got.reason

    assert verdict(Ops(3, 3, 1)) == ("ok", None)
    assert verdict(Ops(3, 0, 0, INT8_LEFT)) == (
        "fallback",
        "XNNPACK took 0 of 3 ops: tflite-runtime 2.14 has no int8 kernels in XNNPACK; ai-edge-litert has",
    )
    mixed = [*INT8_LEFT, OpGroup("GATHER", 4, ["int32"]), OpGroup("GATHER", 1, ["int64"])]
    assert verdict(Ops(9, 1, 1, mixed)) == (
        "partial",
        "XNNPACK took 1 of 9 ops: tflite-runtime 2.14 has no int8 kernels in XNNPACK; ai-edge-litert has "
        "(2 CONV_2D, 1 SOFTMAX); no reason known for 5 GATHER",
    )
    many = [OpGroup(name, count + 1, []) for count, name in enumerate("ABCDEF")]
    assert verdict(Ops(22, 1, 1, many))[1] == (
        "XNNPACK took 1 of 22 ops: no reason known for 6 F, 5 E, 4 D, 3 C, 3 others"
    )
    five = [OpGroup(name, count + 1, []) for count, name in enumerate("ABCDE")]
    assert (verdict(Ops(16, 1, 1, five))[1] or "").endswith("2 B, 1 other")


def test_all_ops_of_the_cpu_delegate_ran_where_they_were_asked_to() -> None:
    got = one(measured(cell("int8", "cpu"), [1], ops=Ops(31, 0, 0, INT8_LEFT)))
    assert got.status == "ok"
    assert got.ops == Ops(total=31, delegated=31, partitions=0)


def test_ops_are_passed_on() -> None:
    got = one(measured(cell("int8", "xnnpack"), [1], ops=Ops(3, 0, 0, INT8_LEFT))).ops
    assert (got.total, got.delegated, got.partitions) == (3, 0, 0)
    assert [(g.op, g.count) for g in got.not_delegated] == [("CONV_2D", 2), ("SOFTMAX", 1)]


def test_unreadable_ops_are_said() -> None:
    got = one(measured(cell("int8", "xnnpack"), [1], ops=None))
    assert got.ops is None and "ops-unknown" in [w.code for w in got.warnings]


def test_fidelity_is_measured_against_float32_on_cpu() -> None:
    reference = np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 0.5]], "f4").astype("f8")
    noise = (reference + 0.01).astype("f4") - reference
    got = found(typical(), "dynamic", "xnnpack").fidelity
    assert got.reference == "float32/cpu@cpu"
    assert got.sqnr_db == pytest.approx(10 * np.log10((reference**2).sum() / (noise**2).sum()))
    assert (got.max_abs_error, got.top1_agreement) == (pytest.approx(0.01, rel=1e-4), 1.0)
    assert found(typical(), "int8", "cpu").fidelity.top1_agreement == 0
    assert found(typical(), "int16x8", "cpu").fidelity is None


def test_without_float32_the_same_file_on_cpu_is_the_reference() -> None:
    """A single .tflite, or a folder of quantized ones."""
    right = np.array([[1.0, 2.0, 3.0]])
    cells = [
        measured(cell(name, delegate), [1.0], outputs=[output(right + error)])
        for name, delegate, error in (
            *(("int8", "xnnpack", 0.1), ("int8", "cpu", 0.0)),
            *(("uint8", "cpu", 5.0), ("int16x8", "xnnpack", 0.0)),
        )
    ]
    made = [variant(name) for name in ("int8", "uint8", "int16x8")]
    found = document(run(cells, made, [device("cpu"), device("xnnpack")])).cells
    assert [c.fidelity and c.fidelity.reference for c in found] == [
        "int8/cpu@cpu",
        "int8/cpu@cpu",
        "uint8/cpu@cpu",
        None,
    ]
    assert found[0].fidelity.sqnr_db == pytest.approx(10 * math.log10(14 / 0.03), abs=0.01)


def test_an_autoencoder_has_no_top1() -> None:
    both = (tensor((1, 2)),)
    variants = [variant("float32", inputs=both, outputs=both)]
    cells = [measured(cell("float32", "cpu"), [1], outputs=[output([[1.0, 2.0]])])]
    got = document(run(cells, variants, [device("cpu")])).cells[0].fidelity
    assert got.cosine == 1 and got.top1_agreement is None


def test_what_an_arg_max_gives_is_compared_as_labels() -> None:
    """Classes 0 to 15, one of them 900 instead: as quantities these are 2 dB."""
    right, other = np.arange(16.0)[:, None], np.arange(16.0)[:, None]
    other[3] = 900
    whole = (replace(tensor((1, 1)), dtype="int64"),)
    variants = [variant(name, outputs=whole) for name in ("float32", "int8")]
    cells = [
        measured(cell("float32", "cpu"), [1.0] * 6, outputs=[output(right)]),
        measured(cell("int8", "cpu"), [0.5] * 6, outputs=[output(other)]),
    ]
    found = document(run(cells, variants, [device("cpu")])).cells[1]
    assert (found.fidelity.sqnr_db, found.fidelity.top1_agreement) == (None, 15 / 16)
    assert not {"variant-differs", "no-signal"} & {w.code for w in found.warnings}


def test_warnings_of_variant_and_outputs() -> None:
    outputs = [output([[1.0, math.nan]])]
    built = measured(cell("int8", "cpu"), [1], outputs=outputs)
    other = variant("int8", inputs=(tensor((1, 16)),), warnings=(("generated", "on random data"),))
    cells = [measured(cell("float32", "cpu"), [1]), built]
    warnings = document(run(cells, [variant("float32"), other], [device("cpu")])).cells[1].warnings
    assert [w.code for w in warnings][:3] == ["generated", "interface-differs", "nan-output"]
    assert "[1, 16]" in warnings[1].message and "[1, 8, 8, 1]" in warnings[1].message
    assert warnings[2].message == "1 output value is NaN or infinite"


def test_damaged_launches_are_said_of_their_cell() -> None:
    damage = [f"launch {number}: its samples are damaged" for number in range(5)]
    got = one(measured(cell("int8", "xnnpack", damage=tuple(damage)), [0.5, 0.5]))
    (said,) = [w for w in got.warnings if w.code == "damaged"]
    assert said.message.startswith(f"{damage[0]}; {damage[1]}") and "and 2 more" in said.message
    assert said.remedy
    lost = one(cell("int8", "xnnpack", damage=("launch 0 is damaged",), ended=Done()))
    assert [w.code for w in lost.warnings] == ["damaged"]


def test_a_run_without_events_is_shown_as_it_was_stored() -> None:
    """Only its conclusions are made anew: older versions did not store them."""
    stored = document(typical())
    rows = tuple(replace(row, init_ms=99.0) for row in stored.cells)
    exported = replace(stored, cells=rows, conclusions=())
    again = document(replace(typical(), exported=exported))
    assert again.cells == rows
    assert again.conclusions == stored.conclusions != ()


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ([("cpu", "ok"), ("cpu", "partial"), ("cpu", "fallback")], 0),
        ([("cpu", "ok"), ("cpu", "skipped")], 0),
        ([("cpu", "ok"), ("coral", "skipped")], 3),
        ([("cpu", "ok"), ("cpu", "unavailable")], 3),
        ([("cpu", "ok"), ("cpu", "refused")], 3),
        ([("cpu", "ok"), ("cpu", "crashed")], 3),
        ([("cpu", "ok"), ("cpu", "timeout")], 3),
        ([], 0),
    ],
)
def test_exit_code(cells: list[tuple[str, str]], code: int) -> None:
    assert exit_code(_statuses(cells)) == code


def _statuses(cells: list[tuple[str, str]], problem: str | None = None) -> Document:
    row = document(typical()).cells[0]
    devices = dict.fromkeys(name for name, _ in cells)
    return replace(
        document(typical()),
        devices=tuple(DeviceState(name, problem=problem) for name in devices),
        cells=tuple(replace(row, device=name, status=status) for name, status in cells),
    )


@pytest.mark.parametrize("status", ["ok", "unavailable", "crashed"])
def test_a_device_that_could_not_be_reached_is_exit_code_4(status: str) -> None:
    """Also where it was lost after it had measured, and whatever else failed."""
    assert exit_code(_statuses([("pi4", status)], problem="the link to pi4 was lost")) == 4
