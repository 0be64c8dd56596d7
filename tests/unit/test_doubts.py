"""Warnings: said when there is cause, and not otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from delegates import facts
from harness.compare import document, doubts
from tests.unit.run_builder import cell, device, measurement, output, run, variant

QUIET = {"clock_s": 0.0, "own_cpu_s": 0.0, "cpu_busy_s": 0.0, "cpu_steal_s": 0.0, "cpu_total_s": 0.0}


def after(**changes):
    """Ten seconds later on two CPUs, of which only our own processes used one."""
    return {
        "clock_s": 10.0,
        "own_cpu_s": 9.5,
        "cpu_busy_s": 9.9,
        "cpu_steal_s": 0.1,
        "cpu_total_s": 20.0,
        **changes,
    }


def codes(found):
    return [doubt.code for doubt in found]


def test_a_quiet_machine_raises_no_doubt():
    assert codes(doubts.of_machine(QUIET, after())) == []
    assert codes(doubts.of_machine({}, {})) == []


@pytest.mark.parametrize(
    ("before", "changes", "code", "said"),
    [
        ({"governors": ["performance", "powersave"]}, {}, "governor", "powersave"),
        ({"throttle_count": 3}, {"throttle_count": 4}, "throttled", "throttled"),
        ({}, {"throttle_flags": 0x50005}, "throttled", "throttled"),
        ({}, {"cpu_busy_s": 14.5}, "neighbour", "50% of a core"),
        ({}, {"cpu_busy_s": 24.5}, "neighbour", "1.5 cores"),
        ({}, {"cpu_steal_s": 2.0}, "steal", "10%"),
    ],
)
def test_each_cause_is_named_with_its_measure_and_a_remedy(before, changes, code, said):
    (doubt,) = doubts.of_machine({**QUIET, **before}, after(**changes))
    assert doubt.code == code
    assert said in doubt.message
    assert doubt.remedy


@pytest.mark.parametrize(
    "facts_after",
    [{"throttle_flags": 0x50000}, {"throttle_count": 3}],
    ids=["in the past", "no more than before"],
)
def test_throttling_of_another_time_is_not_ours(facts_after):
    assert codes(doubts.of_machine({**QUIET, "throttle_count": 3}, after(**facts_after))) == []


def test_what_qbench_itself_uses_at_home_is_no_neighbour():
    before, later = {**QUIET, "home_cpu_s": 1.0}, after(cpu_busy_s=14.5, home_cpu_s=6.0)
    assert codes(doubts.of_machine(before, later)) == []


def test_samples():
    rng = np.random.default_rng(0)
    steady = rng.normal(1_000_000, 10_000, 2000).astype(int).tolist()
    assert codes(doubts.of_samples(steady, tick_ns=10)) == []
    assert codes(doubts.of_samples(steady, tick_ns=15_000)) == ["coarse-clock"]
    assert codes(doubts.of_samples(steady + [2_000_000] * 1000, tick_ns=10)) == ["two-modes"]
    assert codes(doubts.of_samples(steady + rng.integers(2e6, 2e7, 160).tolist(), 10)) == ["outliers"]
    assert codes(doubts.of_samples([], tick_ns=10)) == []


def test_intervals_and_threads():
    assert codes(doubts.of_interval(0.99, 1.01, 0.01)) == []
    assert codes(doubts.of_interval(0.9, 1.1, 0.01)) == ["wide-interval"]
    assert codes(doubts.of_interval(None, None, 0.01)) == ["no-interval"]
    assert codes(doubts.of_threads(2, [0, 1])) == codes(doubts.of_threads(9, None)) == []
    assert codes(doubts.of_threads(4, [0, 1])) == ["few-cores"]


def test_this_machine_tells_what_the_doubts_need():
    now = facts.changing()
    assert set(QUIET) <= set(now)
    assert now["cpu_busy_s"] <= now["cpu_total_s"]


@pytest.mark.parametrize(
    ("delegate", "precision", "codes"),
    [
        ("gpu", "float16", ["nan-output", "gpu-float16"]),
        ("gpu", "float32", ["nan-output"]),
        ("xnnpack", None, ["nan-output"]),
    ],
)
def test_nan_from_a_gpu_may_be_float16s_overflow(delegate, precision, codes):
    built = cell("int8", delegate)
    measured = measurement(built.id, outputs=[output([[float("nan")]])])
    said = {} if precision is None else {"precision": precision}
    built.measurements = [replace(measured, delegate_facts=said)]
    found = document(run([built], [variant("int8")], [device(delegate)]))["cells"][0]
    assert [w["code"] for w in found["warnings"] if "nan" in w["code"] or "gpu" in w["code"]] == codes


@pytest.mark.parametrize(("noise", "codes"), [(0.05, []), (1.0, ["delegate-differs"])])
def test_a_delegate_that_computes_something_else_is_found_out(noise, codes):
    right = np.array([[1.0, -2.0, 3.0]])
    cells = [cell("int8", "cpu"), cell("int8", "gpu")]
    cells[0].measurements = [measurement(cells[0].id, outputs=[output(right)])]
    cells[1].measurements = [measurement(cells[1].id, outputs=[output(right * (1 + noise))])]
    found = document(run(cells, [variant("int8")], [device("cpu"), device("gpu")]))["cells"]
    shown = [[w["code"] for w in c["warnings"] if w["code"] == "delegate-differs"] for c in found]
    assert shown == [[], codes]
