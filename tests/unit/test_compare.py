"""From raw measurements to the result document: ratios, op counts, statuses, baselines, exit codes."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from delegates.wire import Failure, OpGroup, Ops
from harness.analysis.baseline import check_baseline
from harness.analysis.rows import document, exit_code
from harness.errors import ConfigError
from harness.store import Cell, Run
from tests.unit.run_builder import INT8_LEFT, cell, device, measured, output, run, tensor, typical, variant

CONTRACT_CELL = (
    *("model", "variant", "device", "delegate", "runtime", "threads", "status", "reason", "size_bytes"),
    *("size_ratio", "ops", "init_ms", "first_ms", "peak_memory_bytes", "latency_ms", "speedup", "fidelity"),
    *("accuracy", "warnings"),
)
CONTRACT_TOP = (
    *("schema", "run_id", "started_at", "finished_at", "qbench_version", "interrupted", "host", "models"),
    *("variants", "devices", "cells"),
)


def found(built: Run, variant_name: str, delegate: str, device_name: str | None = None) -> dict[str, Any]:
    cells = document(built)["cells"]
    wanted = (variant_name, delegate, device_name or delegate)
    return next(c for c in cells if (c["variant"], c["delegate"], c["device"]) == wanted)


def one(built: Cell, *others: Cell, **more: Any) -> dict[str, Any]:
    """The document's cell for `built`, on an xnnpack device beside a measured float32 baseline."""
    baseline = measured(cell("float32", "cpu"), [1.0, 1.0])
    variants = [variant("float32", 40_000), variant("int8", 10_000)]
    doc = document(run([baseline, built, *others], variants, [device("cpu"), device("xnnpack")], **more))
    return next(c for c in doc["cells"] if c["id"] == built.id)


def refused(stage: str, **more: Any) -> Failure:
    return Failure("int8", 2, stage, "it is\n broken", **more)


def test_the_document_has_the_contracts_keys_and_is_json() -> None:
    doc = document(typical())
    assert set(CONTRACT_TOP) <= set(doc)
    assert all(set(CONTRACT_CELL) <= set(c) for c in doc["cells"])
    assert json.loads(json.dumps(doc, allow_nan=False)) == doc
    assert (doc["schema"], doc["interrupted"], doc["models"][0]["source"]) == (1, False, "digits.keras")
    assert doc["devices"][1]["name"] == "xnnpack" and doc["devices"][1]["facts_after"] == {"load": 0.4}


def test_provenance_of_a_device() -> None:
    """A note is said wherever its figures stand; of an environment only the names, values may be secrets."""
    built = device("pi", place="ssh")
    profile = replace(built.profile, note="emulated", env={"TOKEN": "hush"})
    stored = document(run([], [], [replace(built, profile=profile, problem="the link to pi was lost")]))
    (found,) = stored["devices"]
    assert (found["place"], found["note"], found["problem"]) == ("ssh", "emulated", "the link to pi was lost")
    assert found["profile"]["env"] == ["TOKEN"]
    assert "hush" not in json.dumps(stored)
    (other,) = document(run([], [], [device("cpu")]))["devices"]
    assert (other["note"], other["problem"]) == (None, None)


def test_provenance_of_a_variant() -> None:
    doc = document(run([], [variant("int8", inputs=(tensor(dtype="int8"),))], []))
    (entry,) = doc["variants"]
    assert entry["inputs"][0]["quantization"] == {"scales": [0.5], "zero_points": [3], "axis": None}
    assert entry["converter"] == {"name": "tensorflow", "version": "2.21.0"}
    assert (entry["source_sha256"], entry["settings"]) == ("5" * 64, {"optimizations": ["DEFAULT"]})


def test_numbers_that_json_cannot_hold_become_null() -> None:
    built = typical()
    built.devices[0].facts_before = {"temperature": math.nan, "odd": object}  # type: ignore[assignment]
    facts = document(built)["devices"][0]["facts_before"]
    assert facts["temperature"] is None and isinstance(facts["odd"], str)


def test_figures_of_a_measured_cell() -> None:
    blocks = [[3_000_000, 2_000_000], [4_000_000]]
    got = one(measured(cell("int8", "xnnpack"), [1, 1], blocks=blocks))
    assert (got["init_ms"], got["first_ms"], got["runtime"]) == (3.0, 2.0, "ai-edge-litert")
    assert got["peak_memory_bytes"] == 50_000_001  # the larger of two launches
    assert got["latency_ms"]["count"] == 6 and got["latency_ms"]["launches"] == 2
    assert got["latency_ms"]["median"] == 3.0 and got["latency_ms"]["p90"] is None


def test_speedup_is_baseline_time_by_own_time() -> None:
    got = found(typical(), "float32", "xnnpack")["speedup"]
    ratios = np.log([1.0 / 0.25, 1.1 / 0.28, 0.9 / 0.22])
    half = 4.302653 * ratios.std(ddof=1) / math.sqrt(3)
    assert got["baseline"] == {"variant": "float32", "delegate": "cpu", "device": "cpu", "threads": 1}
    interval = math.exp(ratios.mean() - half), math.exp(ratios.mean() + half)
    assert (got["value"], got["low"], got["high"]) == pytest.approx((math.exp(ratios.mean()), *interval))


def test_the_baseline_is_marked_and_has_ratio_one() -> None:
    cells = document(typical())["cells"]
    assert [c["id"] for c in cells if c["baseline"]] == ["digits/float32/cpu@cpu#1"]
    assert cells[0]["speedup"]["value"] == cells[0]["size_ratio"] == 1


def test_size_ratio_also_where_nothing_ran() -> None:
    got = one(cell("int8", "xnnpack", skipped="no"))
    assert (got["size_bytes"], got["size_ratio"], got["latency_ms"], got["speedup"]) == (
        10_000,
        4.0,
        None,
        None,
    )
    assert found(typical(), "int16x8", "cpu")["size_ratio"] is None  # never made: no file


@pytest.mark.parametrize(
    ("more", "status", "reason"),
    [
        ({"skipped": "float32 cannot run there"}, "skipped", "float32 cannot run there"),
        ({"refused": "no kernel"}, "refused", "no kernel"),
        ({"unavailable": "no runtime"}, "unavailable", "no runtime"),
        ({"refusal": refused("runtime")}, "unavailable", "it is broken"),
        ({"refusal": refused("delegate")}, "unavailable", "it is broken"),
        ({"refusal": refused("load")}, "refused", "it is broken"),
        ({"refusal": refused("allocate")}, "refused", "it is broken"),
        ({"refusal": refused("invoke")}, "refused", "it is broken"),
        ({"refusal": refused("crash", signal="SIGILL")}, "crashed", "it is broken (SIGILL)"),
        ({"refusal": refused("timeout")}, "timeout", "it is broken"),
        ({}, "crashed", "the device ended without an answer for this cell"),
    ],
)
def test_status_of_what_was_not_measured(more: dict[str, Any], status: str, reason: str) -> None:
    got = one(cell("int8", "xnnpack", **more))
    assert (got["status"], got["reason"], got["latency_ms"]) == (status, reason, None)


def test_a_refusal_keeps_what_the_worker_wrote() -> None:
    got = one(cell("int8", "xnnpack", refusal=refused("crash", signal="SIGSEGV", stderr="boom")))
    assert got["refusal"] == {"stage": "crash", "launch": 2, "signal": "SIGSEGV", "stderr": "boom"}


def test_a_later_crash_keeps_the_figures_of_the_launches_before() -> None:
    got = one(measured(cell("int8", "xnnpack", refusal=refused("crash")), [0.5, 0.5]))
    assert got["status"] == "crashed" and "2 launches before" in got["reason"]
    assert got["latency_ms"]["launches"] == 2 and got["speedup"]["value"] == pytest.approx(2)


def test_interrupted_cells_are_skipped() -> None:
    got = one(cell("int8", "xnnpack"), interrupted=True)
    assert (got["status"], got["reason"]) == ("skipped", "interrupted before it was measured")
    got = one(cell("int8", "xnnpack"), finished_at=None)
    assert got["status"] == "skipped" and "had not come to it" in got["reason"]


def test_ops_decide_between_ok_partial_and_fallback() -> None:
    def verdict(ops: Ops | None) -> tuple[str, str | None]:
        got = one(measured(cell("int8", "xnnpack"), [1], ops=ops))
        return got["status"], got["reason"]

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
    assert got["status"] == "ok"
    assert got["ops"] == {"total": 31, "delegated": 31, "partitions": 0, "not_delegated": []}


def test_ops_are_passed_on() -> None:
    got = one(measured(cell("int8", "xnnpack"), [1], ops=Ops(3, 0, 0, INT8_LEFT)))["ops"]
    assert (got["total"], got["delegated"], got["partitions"]) == (3, 0, 0)
    assert [(g["op"], g["count"]) for g in got["not_delegated"]] == [("CONV_2D", 2), ("SOFTMAX", 1)]


def test_unreadable_ops_are_said() -> None:
    got = one(measured(cell("int8", "xnnpack"), [1], ops=None))
    assert got["ops"] is None and got["warnings"][0]["code"] == "ops-unknown"


def test_fidelity_is_measured_against_float32_on_cpu() -> None:
    reference = np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 0.5]], "f4").astype("f8")
    noise = (reference + 0.01).astype("f4") - reference
    got = found(typical(), "dynamic", "xnnpack")["fidelity"]
    assert got["reference"] == "float32/cpu@cpu"
    assert got["sqnr_db"] == pytest.approx(10 * np.log10((reference**2).sum() / (noise**2).sum()))
    assert (got["max_abs_error"], got["top1_agreement"]) == (pytest.approx(0.01, rel=1e-4), 1.0)
    assert found(typical(), "int8", "cpu")["fidelity"]["top1_agreement"] == 0
    assert found(typical(), "int16x8", "cpu")["fidelity"] is None


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
    found = document(run(cells, made, [device("cpu"), device("xnnpack")]))["cells"]
    assert [c["fidelity"] and c["fidelity"]["reference"] for c in found] == [
        "int8/cpu@cpu",
        "int8/cpu@cpu",
        "uint8/cpu@cpu",
        None,
    ]
    assert found[0]["fidelity"]["sqnr_db"] == pytest.approx(10 * math.log10(14 / 0.03), abs=0.01)


def test_an_autoencoder_has_no_top1() -> None:
    both = (tensor((1, 2)),)
    variants = [variant("float32", inputs=both)]
    variants[0] = replace(variants[0], variant=structs.replace(variants[0].variant, outputs=both))
    cells = [measured(cell("float32", "cpu"), [1], outputs=[output([[1.0, 2.0]])])]
    got = document(run(cells, variants, [device("cpu")]))["cells"][0]["fidelity"]
    assert got["cosine"] == 1 and got["top1_agreement"] is None


def test_what_an_arg_max_gives_is_compared_as_labels() -> None:
    """Classes 0 to 15, one of them 900 instead: as quantities these are 2 dB."""
    right, other = np.arange(16.0)[:, None], np.arange(16.0)[:, None]
    other[3] = 900
    variants = [variant("float32"), variant("int8")]
    whole = replace(tensor((1, 1)), dtype="int64")
    for made in variants:
        object.__setattr__(made, "outputs", (whole,))
    cells = [
        measured(cell("float32", "cpu"), [1.0] * 6, outputs=[output(right)]),
        measured(cell("int8", "cpu"), [0.5] * 6, outputs=[output(other)]),
    ]
    found = document(run(cells, variants, [device("cpu")]))["cells"][1]
    assert (found["fidelity"]["sqnr_db"], found["fidelity"]["top1_agreement"]) == (None, 15 / 16)
    assert not {"variant-differs", "no-signal"} & {w["code"] for w in found["warnings"]}


def test_warnings_of_variant_cell_and_outputs() -> None:
    outputs = [output([[1.0, math.nan]])]
    built = measured(cell("int8", "cpu", warnings=[("hot", "it was hot")]), [1], outputs=outputs)
    other = variant("int8", inputs=(tensor((1, 16)),), warnings=(("generated", "on random data"),))
    cells = [measured(cell("float32", "cpu"), [1]), built]
    warnings = document(run(cells, [variant("float32"), other], [device("cpu")]))["cells"][1]["warnings"]
    assert [w["code"] for w in warnings][:4] == ["generated", "hot", "interface-differs", "nan-output"]
    assert "[1, 16]" in warnings[2]["message"] and "[1, 8, 8, 1]" in warnings[2]["message"]
    assert warnings[3]["message"] == "1 output value is NaN or infinite"


def baseline_of(built: Run) -> dict[str, str | None]:
    """cell -> the label its speedup names, in short words."""
    return {
        f"{c['variant']}/{c['delegate']}@{c['device']}": c["speedup"]
        and "{variant}/{delegate}@{device}".format(**c["speedup"]["baseline"])
        for c in document(built)["cells"]
    }


def lab(**more: Any) -> Run:
    """int8 and float32 on two local profiles and on a board that has no `cpu`."""
    places = [("xnnpack", "xnnpack"), ("cpu", "cpu"), ("xnnpack", "pi")]
    cells = [measured(cell(v, d, p), [1.0, 1.0]) for d, p in places for v in ("int8", "float32")]
    devices = [device("xnnpack"), device("cpu"), device("pi", ["xnnpack"], place="ssh")]
    return run(cells, [variant("int8"), variant("float32")], devices, **more)


def test_default_baseline_is_float32_on_cpu_of_the_same_machine() -> None:
    assert baseline_of(lab()) == {
        "int8/xnnpack@xnnpack": "float32/cpu@cpu",
        "float32/xnnpack@xnnpack": "float32/cpu@cpu",
        "int8/cpu@cpu": "float32/cpu@cpu",
        "float32/cpu@cpu": "float32/cpu@cpu",
        "int8/xnnpack@pi": "float32/xnnpack@pi",
        "float32/xnnpack@pi": "float32/xnnpack@pi",
    }


def test_a_named_baseline_holds_for_each_machine_unless_it_names_a_device() -> None:
    assert set(baseline_of(lab(baseline="int8")).values()) == {"int8/cpu@cpu", "int8/xnnpack@pi"}
    assert set(baseline_of(lab(baseline="int8/xnnpack")).values()) == {
        "int8/xnnpack@xnnpack",
        "int8/xnnpack@pi",
    }
    assert set(baseline_of(lab(baseline="int8/cpu")).values()) == {"int8/cpu@cpu", None}
    assert set(baseline_of(lab(baseline="int8@pi")).values()) == {"int8/xnnpack@pi"}
    assert set(baseline_of(lab(baseline="float32/xnnpack@pi")).values()) == {"float32/xnnpack@pi"}


def test_a_baseline_that_fits_nothing_is_refused() -> None:
    check_baseline(lab(baseline="int8@pi"))
    check_baseline(lab())
    with pytest.raises(ConfigError, match=r"int9.*for example int8/xnnpack@xnnpack"):
        check_baseline(lab(baseline="int9"))


def test_another_float32_file_then_the_first_variant_stands_in() -> None:
    cells = [measured(cell(name, "cpu"), [1.0]) for name in ("a", "b")]
    devices = [device("cpu")]
    floats = [variant("a", scheme="int8"), variant("b", scheme="float32")]
    assert set(baseline_of(run(cells, floats, devices)).values()) == {"b/cpu@cpu"}
    none = [variant("a", scheme="int8"), variant("b", scheme="mixed")]
    assert set(baseline_of(run(cells, none, devices)).values()) == {"a/cpu@cpu"}


def test_a_baseline_that_could_not_run_is_replaced_by_the_next_best() -> None:
    cells = [
        cell("float32", "cpu", refusal=refused("crash")),
        measured(cell("float32", "xnnpack"), [1.0]),
        measured(cell("int8", "xnnpack"), [0.5]),
    ]
    built = run(cells, [variant("float32"), variant("int8")], [device("cpu"), device("xnnpack")])
    assert baseline_of(built)["int8/xnnpack@xnnpack"] == "float32/xnnpack@xnnpack"


def test_more_threads_compare_with_the_first_count() -> None:
    cells = [measured(cell("float32", "cpu", threads=n), [2.0 / n, 2.0 / n]) for n in (1, 4)]
    speedups = [c["speedup"] for c in document(run(cells, [variant("float32")], [device("cpu")]))["cells"]]
    assert [s["value"] for s in speedups] == pytest.approx([1, 4])
    assert speedups[1]["baseline"]["threads"] == 1


def test_models_do_not_share_a_baseline() -> None:
    cells = [measured(cell("float32", "cpu", model=name), [ms]) for name, ms in (("m", 1.0), ("n", 9.0))]
    doc = document(run(cells, [variant("float32", model=name) for name in "mn"], [device("cpu")]))
    assert [c["speedup"]["value"] for c in doc["cells"]] == [1, 1]


def test_known_figures_change_nothing() -> None:
    """Documents made during a run, with the figures kept in between, end as the one made at once."""
    built, known = typical(), {}  # type: ignore[var-annotated]
    later = {c.id: c.measurements for c in built.cells}
    for count in range(4):
        for c in built.cells:
            c.measurements = later[c.id][:count]
        last = document(built, known)
    assert last == document(typical())


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


def _statuses(cells: list[tuple[str, str]], problem: str | None = None) -> dict[str, Any]:
    devices = [{"name": name, "problem": problem} for name in dict.fromkeys(d for d, _ in cells)]
    return {"devices": devices, "cells": [{"device": d, "status": s} for d, s in cells]}


@pytest.mark.parametrize("status", ["ok", "unavailable", "crashed"])
def test_a_device_that_could_not_be_reached_is_exit_code_4(status: str) -> None:
    """Also where it was lost after it had measured, and whatever else failed."""
    assert exit_code(_statuses([("pi4", status)], problem="the link to pi4 was lost")) == 4


def test_documents_of_before_boards_have_an_exit_code() -> None:
    assert exit_code({"devices": [{"name": "cpu"}], "cells": [{"device": "cpu", "status": "ok"}]}) == 0
