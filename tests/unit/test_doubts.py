"""Warnings: said when there is cause, and not otherwise."""

# ruff: noqa: RUF001 (the typographic signs are meant)

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from delegates.probe import facts
from harness.analysis import warnings
from harness.analysis.rows import document
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
    assert codes(warnings.of_machine(QUIET, after())) == []
    assert codes(warnings.of_machine({}, {})) == []


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
    (doubt,) = warnings.of_machine({**QUIET, **before}, after(**changes))
    assert doubt.code == code
    assert said in doubt.message
    assert doubt.remedy


@pytest.mark.parametrize(
    "facts_after",
    [{"throttle_flags": 0x50000}, {"throttle_count": 3}],
    ids=["in the past", "no more than before"],
)
def test_throttling_of_another_time_is_not_ours(facts_after):
    assert codes(warnings.of_machine({**QUIET, "throttle_count": 3}, after(**facts_after))) == []


def test_what_qbench_itself_uses_at_home_is_no_neighbour():
    before, later = {**QUIET, "home_cpu_s": 1.0}, after(cpu_busy_s=14.5, home_cpu_s=6.0)
    assert codes(warnings.of_machine(before, later)) == []


def test_samples():
    rng = np.random.default_rng(0)
    steady = rng.normal(1_000_000, 10_000, 2000).astype(int).tolist()
    assert codes(warnings.of_samples(steady, timer_resolution_ns=10)) == []
    assert codes(warnings.of_samples(steady, timer_resolution_ns=15_000)) == ["coarse-clock"]
    assert codes(warnings.of_samples(steady + [2_000_000] * 1000, timer_resolution_ns=10)) == ["two-modes"]
    assert codes(warnings.of_samples(steady + rng.integers(2e6, 2e7, 160).tolist(), 10)) == ["outliers"]
    assert codes(warnings.of_samples([], timer_resolution_ns=10)) == []


def test_intervals_and_threads():
    assert codes(warnings.of_interval(0.99, 1.01, 0.01)) == []
    assert codes(warnings.of_interval(0.9, 1.1, 0.01)) == ["wide-interval"]
    assert codes(warnings.of_interval(None, None, 0.01)) == ["no-interval"]
    assert codes(warnings.of_threads(2, [0, 1])) == codes(warnings.of_threads(9, None)) == []
    assert codes(warnings.of_threads(4, [0, 1])) == ["few-cores"]


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


def of_outputs(values, reference=None):
    """What is said of the outputs of int8 on cpu and gpu; `reference`: float32's, where there is one."""
    cells = [cell("int8", "cpu"), cell("int8", "gpu")]
    if reference is not None:
        cells.append(cell("float32", "cpu"))
        cells[2].measurements = [measurement(cells[2].id, outputs=[output(reference, "scores")])]
    for built, array in zip(cells, values, strict=False):
        built.measurements = [measurement(built.id, outputs=[output(array, "scores")])]
    made = run(cells, [variant("int8"), variant("float32")], [device("cpu"), device("gpu")])
    found = document(made)["cells"][:2]
    kinds = ("delegate-differs", "variant-differs", "no-signal")
    return [[(w["code"], w["message"]) for w in c["warnings"] if w["code"] in kinds] for c in found]


@pytest.mark.parametrize(("noise", "codes"), [(0.05, []), (1.0, ["delegate-differs"])])
def test_a_delegate_that_computes_something_else_is_found_out(noise, codes):
    right = np.array([[1.0, -2.0, 3.0]])
    cpu, gpu = of_outputs([right, right * (1 + noise)])
    assert (cpu, [code for code, _ in gpu]) == ([], codes)
    if codes:
        assert "SQNR 0.0 dB, off by up to 3" in gpu[0][1]


def test_a_delegate_is_not_blamed_for_a_variant_that_is_noise_already():
    """int8 of random weights: 0.6 dB on the CPU, and rounding alone changes all of that noise."""
    right, noise, other = np.random.default_rng(0).normal(size=(3, 16, 10))
    cpu, gpu = of_outputs([noise, other], reference=right)
    assert [code for code, _ in cpu] == [code for code, _ in gpu] == ["variant-differs"]
    cpu, gpu = of_outputs([right, other], reference=right)
    assert (cpu, [code for code, _ in gpu]) == ([], ["delegate-differs"])


def test_without_a_signal_nothing_is_claimed():
    zeros, some = np.zeros((16, 10)), np.ones((16, 10))
    cpu, gpu = of_outputs([some, some], reference=zeros)
    assert [code for code, _ in cpu] == [code for code, _ in gpu] == ["no-signal"]
    assert "float32/cpu@cpu's outputs are zero for all samples" in cpu[0][1]
    assert of_outputs([zeros, zeros], reference=zeros) == [[], []]


def test_a_clock_that_stands_still_is_said():
    assert codes(warnings.of_samples([0] * 30, timer_resolution_ns=10)) == ["zero-times"]
    assert codes(warnings.of_samples([0] * 20 + [10] * 10, timer_resolution_ns=10)) == ["zero-times"]


def test_medians_that_tell_another_ratio_are_explained():
    """4.6 times apart by the medians, 2.61 times by the floors: the baseline was throttled."""
    speedup = {"value": 2.61, "low": 2.55, "high": 2.67}
    slow, steady = {"median": 4.6, "min": 2.6}, {"median": 1.0, "min": 0.99}
    (said,) = warnings.of_medians(slow, steady, speedup)
    assert said.code == "medians-differ"
    assert "ratio of the medians is 4.6×, the speedup 2.61×: the baseline's median" in said.message
    (said,) = warnings.of_medians({"median": 2.6, "min": 2.6}, {"median": 2.0, "min": 1.0}, speedup)
    assert "this cell's median" in said.message
    for ratio in (2.6, 2.45, 2.78):  # within 5 % of the interval: what a median is always off by
        assert not list(warnings.of_medians({"median": ratio, "min": 2.0}, steady, speedup))
    assert not list(warnings.of_medians(slow, steady, {"value": 2.6, "low": None, "high": None}))


def test_medians_are_looked_at_in_a_run():
    cells = [cell("float32", "cpu"), cell("int8", "cpu")]
    for built, blocks in zip(cells, ([[2_600_000] * 10, [4_600_000] * 20], [[1_000_000] * 30]), strict=True):
        built.measurements = [measurement(built.id, launch, blocks=blocks) for launch in range(6)]
    made = document(run(cells, [variant("float32"), variant("int8")], [device("cpu")]))
    assert made["cells"][1]["speedup"]["value"] == pytest.approx(2.6)
    assert "medians-differ" in [w["code"] for w in made["cells"][1]["warnings"]]
    assert "medians-differ" not in [w["code"] for w in made["cells"][0]["warnings"]]
