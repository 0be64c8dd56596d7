"""Warnings: said when there is cause, and not otherwise."""

# ruff: noqa: RUF001 (the typographic signs are meant)

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from delegates.probe import facts
from harness.analysis import document, timing, warnings
from harness.analysis.speedup import Compared
from harness.record import BaselineName, Latency, Speedup
from tests.unit.run_builder import cell, device, launched, measured, measurement, output, run, variant

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
    return [warning.code for warning in found]


def test_a_quiet_machine_gives_no_warning():
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
    (warning,) = warnings.of_machine({**QUIET, **before}, after(**changes))
    assert warning.code == code
    assert said in warning.message
    assert warning.remedy


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


def timed(samples, timer_resolution_ns=10):
    launch = replace(measurement("job", blocks=[list(samples)]), timer_resolution_ns=timer_resolution_ns)
    return timing.of([launch])


def test_samples():
    rng = np.random.default_rng(0)
    steady = rng.normal(1_000_000, 10_000, 2000).astype(int).tolist()
    assert codes(warnings.of_samples(timed(steady))) == []
    assert codes(warnings.of_samples(timed(steady, timer_resolution_ns=15_000))) == ["coarse-clock"]
    assert codes(warnings.of_samples(timed(steady + [2_000_000] * 1000))) == ["two-modes"]
    assert codes(warnings.of_samples(timed(steady + rng.integers(2e6, 2e7, 160).tolist()))) == ["outliers"]
    assert codes(warnings.of_samples(timed([]))) == []


def speedup(value, low=None, high=None):
    return Speedup(value, low, high, BaselineName("float32", "cpu", "cpu", 1))


def test_intervals_and_threads():
    narrow, wide = speedup(1.0, 0.99, 1.01), speedup(1.0, 0.9, 1.1)
    assert codes(warnings.of_interval(Compared(narrow, True, True), 0.01)) == []
    assert codes(warnings.of_interval(Compared(wide, False, False), 0.01)) == ["wide-interval"]
    assert codes(warnings.of_interval(Compared(wide, True, False), 0.01)) == ["clock-interval"]
    assert codes(warnings.of_interval(Compared(speedup(1.0), False, False), 0.01)) == ["no-interval"]
    assert codes(warnings.of_threads(2, [0, 1])) == codes(warnings.of_threads(9, None)) == []
    assert codes(warnings.of_threads(4, [0, 1])) == ["few-cores"]


@pytest.mark.parametrize(("spread", "warned"), [(0.99, False), (1.01, True)])
@pytest.mark.parametrize("precision", [0.01, 0.1])
def test_an_interval_is_wide_where_measuring_would_have_gone_on(spread, precision, warned):
    """The rule that ends measuring: half the width is the precision asked for, but for the clock's step."""
    ratios = np.exp(np.linspace(-1, 1, 6) * precision * spread)
    cells = [
        launched(cell(name, "cpu"), *measurements, timer_resolution_ns=20.0)
        for name, measurements in (
            ("float32", [measurement("f", n, 1000.0) for n in range(6)]),
            ("int8", [measurement("i", n, 1000.0 / ratio) for n, ratio in enumerate(ratios)]),
        )
    ]
    made = run(cells, [variant("float32"), variant("int8")], [device("cpu")], precision=precision)
    assert ("wide-interval" in codes(document(made).cells[1].warnings)) is warned


def test_a_precision_of_zero_is_what_was_asked_for():
    """`--precision 0%`: measure until the budget is spent. Nothing is as narrow as that."""
    cells = [measured(cell("float32", "cpu"), [1.0] * 6), measured(cell("int8", "cpu"), [1.0, 1.001] * 3)]
    made = document(run(cells, [variant("float32"), variant("int8")], [device("cpu")], precision=0.0))
    (wide,) = [w for w in made.cells[1].warnings if w.code == "wide-interval"]
    assert "±0 % asked for" in wide.message


def test_what_the_steps_of_the_clock_add_to_an_interval_is_told_apart_from_noise():
    """More launches would not take it away."""
    cells = [
        launched(measured(cell(name, "cpu"), [0.001] * 6), *measured(cell(name, "cpu"), [0.001] * 6).launches,
                 timer_resolution_ns=30.0)
        for name in ("float32", "int8")
    ]  # fmt: skip
    int8 = document(run(cells, [variant("float32"), variant("int8")], [device("cpu")])).cells[1]
    assert int8.speedup.high > 1.02
    found = codes(int8.warnings)
    assert "wide-interval" not in found and {"coarse-clock", "clock-interval"} <= set(found)


def test_this_machine_tells_what_the_warnings_need():
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
    launch = measurement("job", outputs=[output([[float("nan")]])])
    said = {} if precision is None else {"precision": precision}
    built = launched(built, launch, delegate_facts=said)
    found = document(run([built], [variant("int8")], [device(delegate)])).cells[0]
    assert [w.code for w in found.warnings if "nan" in w.code or "gpu" in w.code] == codes


def of_outputs(values, reference=None):
    """What is said of the outputs of int8 on cpu and gpu; `reference`: float32's, where there is one."""
    cells = [
        launched(cell("int8", delegate), measurement("job", outputs=[output(array, "scores")]))
        for delegate, array in zip(("cpu", "gpu"), values, strict=True)
    ]
    if reference is not None:
        sent = measurement("job", outputs=[output(reference, "scores")])
        cells.append(launched(cell("float32", "cpu"), sent))
    made = run(cells, [variant("int8"), variant("float32")], [device("cpu"), device("gpu")])
    kinds = ("delegate-differs", "variant-differs", "no-signal")
    return [
        [(w.code, w.message) for w in row.warnings if w.code in kinds] for row in document(made).cells[:2]
    ]


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
    assert codes(warnings.of_samples(timed([0] * 30))) == ["zero-times"]
    assert codes(warnings.of_samples(timed([0] * 20 + [10] * 10))) == ["zero-times"]


def latency(median, least):
    return Latency(count=100, launches=6, min=least, median=median)


def test_medians_that_tell_another_ratio_are_explained():
    """4.6 times apart by the medians, 2.61 times by the floors: the baseline was throttled."""
    found = speedup(2.61, 2.55, 2.67)
    slow, steady = latency(4.6, 2.6), latency(1.0, 0.99)
    (said,) = warnings.of_medians(slow, steady, found)
    assert said.code == "medians-differ"
    assert "ratio of the medians is 4.6×, the speedup 2.61×: the baseline's median" in said.message
    (said,) = warnings.of_medians(latency(2.6, 2.6), latency(2.0, 1.0), found)
    assert "this cell's median" in said.message
    for ratio in (2.6, 2.45, 2.78):  # within 5 % of the interval: what a median is always off by
        assert not list(warnings.of_medians(latency(ratio, 2.0), steady, found))
    assert not list(warnings.of_medians(slow, steady, speedup(2.6)))


def test_medians_are_looked_at_in_a_run():
    cells = [
        launched(cell(name, "cpu"), *(measurement("job", launch, blocks=blocks) for launch in range(6)))
        for name, blocks in (
            ("float32", [[2_600_000] * 5, [2_600_000] * 5, [4_600_000] * 20]),
            ("int8", [[1_000_000] * 30]),
        )
    ]
    float32, int8 = document(run(cells, [variant("float32"), variant("int8")], [device("cpu")])).cells
    assert int8.speedup.value == pytest.approx(2.6)
    assert "medians-differ" in codes(int8.warnings) and "medians-differ" not in codes(float32.warnings)
