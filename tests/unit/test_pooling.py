"""Several runs as one: the launches of all count, and only runs of the same thing are pooled."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from delegates import stats
from delegates.wire import Ops
from harness.analysis import document, pool
from harness.analysis.differences import differences
from harness.errors import ResultsError
from harness.record import (
    Crashed,
    Done,
    Pending,
    Skipped,
    Unavailable,
    Warning,
    WorkerEnd,
)
from tests.unit.run_builder import (
    INT8_LEFT,
    cell,
    device,
    joined,
    launched,
    measured,
    measurement,
    output,
    run,
    typical,
    variant,
)

BOTH = [variant("float32"), variant("int8")]


def one_run(name, *ratios, ended=None, **more):
    """A run of two cells with three launches each, the second `ratios` times as fast (one ratio: always)."""
    ratios = ratios * 3 if len(ratios) == 1 else ratios
    times = [4.0, 5.0, 6.0]
    int8 = measured(cell("int8", "cpu"), [ms / ratio for ms, ratio in zip(times, ratios, strict=True)])
    cells = [measured(cell("float32", "cpu"), times), int8 if ended is None else replace(int8, ended=ended)]
    return run(cells, BOTH, [device("cpu")], run_id=name, **more)


def exported(built, **changes):
    """The same as of an older qbench: the rows as it stored them, launches without outputs."""
    stored = document(built)
    rows = tuple(replace(row, **changes) for row in stored.cells)
    cells = tuple(
        launched(entry, *entry.launches, outputs=[]) if entry.launches else entry for entry in built.cells
    )
    return replace(built, cells=cells, exported=replace(stored, cells=rows))


def with_device(built, **changes):
    devices = tuple(replace(one, **changes) for one in built.devices)
    return joined(replace(built, devices=devices))


def with_variants(built, **changes):
    return joined(replace(built, variants=tuple(replace(one, **changes) for one in built.variants)))


def codes(row):
    return [warning.code for warning in row.warnings]


def test_launches_add_up_and_the_speedup_is_that_of_all():
    runs = [one_run("one", 2.0), one_run("two", 4.0)]
    pooled = document(pool(runs))
    base, int8 = pooled.cells
    assert pooled.run_id == "one + two"
    assert (base.latency_ms.launches, base.latency_ms.count) == (6, 120)
    theirs = dict(enumerate([1.0] * 6))
    expected = stats.speedup(theirs, dict(enumerate([1 / 2, 1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 4])))
    found = int8.speedup
    assert (found.value, found.low, found.high) == pytest.approx(expected)
    assert document(runs[0]).cells[1].latency_ms.launches == 3  # the first run is as it was


def test_launches_of_different_runs_never_pair():
    """Launch 0 of one run was not measured beside launch 0 of another."""
    slow = one_run("two", 2.0)
    slow = replace(slow, cells=(replace(slow.cells[0], launches=()), slow.cells[1]))
    int8 = document(pool([one_run("one", 2.0), slow])).cells[1]
    assert int8.latency_ms.launches == 6
    assert int8.speedup == document(one_run("one", 2.0)).cells[1].speedup


def test_a_run_pooled_with_itself_has_its_figures():
    """One path: what is said of a run is said of the same launches twice, too."""
    alone, twice = document(typical()), document(pool([typical(), typical()]))
    kept = ("status", "reason", "size_ratio", "ops", "init_ms", "first_ms", "fidelity", "baseline")
    for one, both in zip(alone.cells, twice.cells, strict=True):
        if one.latency_ms is None:
            assert both == one
            continue
        assert {key: getattr(both, key) for key in kept} == {key: getattr(one, key) for key in kept}
        assert both.latency_ms.median == one.latency_ms.median
        assert both.latency_ms.launches == 2 * one.latency_ms.launches
        assert set(codes(both)) <= set(codes(one)) | {"wide-interval"}


def test_one_run_alone_is_itself():
    built = typical()
    assert pool([built]) is built


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda built: with_device(built, cpu="another CPU"), "cpu cpu: AMD EPYC and another CPU"),
        (lambda built: with_device(built, runtime_version="9.9"), "runtime_version"),
        (lambda built: with_device(built, facts_before={"governors": ["powersave"]}), "governors"),
        (
            lambda built: with_device(built, profile=device("cpu", ["xnnpack"]).profile),
            "cpu delegates: cpu and xnnpack",
        ),
        (lambda built: with_variants(built, sha256="0" * 64), "sha256"),
    ],
)
def test_what_differs_is_named_and_refused_unless_forced(changed, said):
    one, other = one_run("one", 2.0), changed(one_run("two", 2.0))
    with pytest.raises(ResultsError, match="not of the same thing") as refused:
        pool([one, other])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert document(pool([one, other], force=True)).cells[0].latency_ms.launches == 6


def test_the_same_thing_has_no_differences():
    assert differences(one_run("one", 2.0), one_run("two", 3.0)) == []


def test_warnings_of_the_interval_are_those_of_the_pooled_one():
    """Three launches each are wide, six are [2.0, 2.0]: nothing is left to warn of."""
    runs = [one_run(name, 2.0, 2.0, 2.05) for name in ("one", "two")]
    runs[1] = one_run("two", 2.0)
    assert "wide-interval" in codes(document(runs[0]).cells[1])
    many = [one_run(f"more {number}", 2.0) for number in range(4)]
    int8 = document(pool([*runs, *many])).cells[1]
    assert (int8.speedup.low, int8.speedup.high) == pytest.approx((2.0, 2.0))
    assert "wide-interval" not in codes(int8)
    wide = document(pool([one_run("three", 2.0, 2.2, 1.9), one_run("four", 1.5, 2.0, 2.4)]))
    assert "wide-interval" in codes(wide.cells[1])
    assert "no-interval" not in codes(wide.cells[0])


def test_what_an_older_run_warned_of_its_interval_is_made_anew():
    wide = (Warning("wide-interval", "it is wide"), Warning("no-interval", "there is none"))
    runs = [exported(one_run(name, 2.0), warnings=wide) for name in ("one", "two")]
    assert codes(document(runs[0]).cells[1]) == ["wide-interval", "no-interval"]
    assert codes(document(pool(runs)).cells[1]) == []


def test_what_any_of_the_runs_warned_of_is_kept():
    quiet = {"clock_s": 0.0, "own_cpu_s": 0.0, "cpu_busy_s": 0.0, "cpu_steal_s": 0.0, "cpu_total_s": 0.0}

    def after(busy, **more):
        return {**quiet, "clock_s": 10.0, "cpu_busy_s": busy, "cpu_total_s": 20.0, **more}

    one = with_device(one_run("one", 2.0), facts_before=quiet, facts_after=after(2.0))
    two = with_device(one_run("two", 2.0), facts_before=quiet, facts_after=after(4.0, throttle_flags=1))
    for first, second in (
        (one, two),
        (exported(one), two),
        (one, exported(two)),
        (exported(one), exported(two)),
    ):
        for row in document(pool([first, second])).cells:
            found = {warning.code: warning.message for warning in row.warnings}
            assert "20% of a core" in found["neighbour"] and "throttled" in found
            assert codes(row).count("neighbour") == 1


def test_what_is_measured_once_per_launch_is_that_of_all_launches():
    two = one_run("two", 2.0)
    changes = {"init_ns": 9_000_000, "first_ns": 8_000_000, "peak_memory_bytes": 70_000_000}
    two = replace(two, cells=tuple(launched(entry, *entry.launches, **changes) for entry in two.cells))
    for row in document(pool([one_run("one", 2.0), two])).cells:
        assert (row.init_ms, row.first_ms) == (6.0, 5.0)  # half 3 and 2, half 9 and 8
        assert row.peak_memory_bytes == 70_000_000


def test_the_pooled_budget_and_conclusion_are_those_of_all_runs():
    runs = [one_run(name, 0.9, 1.0, 1.2, budget_s=1.5) for name in ("one", "two")]
    pooled = document(pool(runs))
    assert pooled.budget_s == 3.0
    assert pooled.conclusions[0].verdict == "not-shown"
    assert pooled.conclusions[0].budget_s > 3.0


def test_runs_of_a_clock_that_stood_still_are_pooled_without_a_speedup():
    cells = [
        measured(cell("float32", "cpu"), [1.0] * 3),
        measured(cell("int8", "cpu"), [0.0] * 3, blocks=[[0] * 20]),
    ]
    made = run(cells, BOTH, [device("cpu")])
    wrong = document(made).cells[0].speedup  # as an older qbench may have stored it
    int8 = document(pool([exported(made, speedup=wrong), exported(made, speedup=wrong)])).cells[1]
    assert (int8.speedup, int8.throughput_per_s) == (None, None)
    assert "zero-times" in codes(int8)


def test_runs_of_different_models_are_refused_in_a_line_that_can_be_read():
    def of(model, *names):
        cells = [measured(cell(name, "cpu", model=model), [1.0]) for name in names]
        return run(cells, [variant(name, model=model) for name in names], [device("cpu")], run_id=model)

    many = ("float32", "float16", "dynamic", "int8_float", "int8", "uint8", "int16x8")
    digits, ad01 = of("digits", *many), of("ad01", *many)
    with pytest.raises(ResultsError) as refused:
        pool([digits, ad01])
    assert str(refused.value) == (
        "runs digits and ad01 are not of the same thing: they measured digits and ad01; --force pools them"
        " all the same"
    )
    with pytest.raises(ResultsError) as refused:
        pool([digits, with_variants(digits, sha256="0" * 64)])
    assert "digits float32: another file (sha256 float32f… and 00000000…)" in str(refused.value)
    assert "and 4 more" in str(refused.value) and len(str(refused.value)) < 300


def test_what_only_one_run_has_is_named():
    """Nothing of either run is dropped without a word."""
    one = one_run("one", 2.0)
    fewer = replace(one, cells=one.cells[:1])
    assert differences(one, fewer) == ["only the first has digits int8"]
    assert differences(fewer, one) == ["only the second has digits int8"]
    last = one.cells[1]
    other = replace(one, cells=(one.cells[0], replace(last, cell=replace(last.cell, threads=2))))
    name = "digits int8/cpu@cpu with threads"
    assert differences(one, other) == [f"only the first has {name} 1", f"only the second has {name} 2"]


@pytest.mark.parametrize("stored", [False, True])
def test_a_cell_that_crashed_in_a_later_run_is_not_pooled_as_if_it_had_not(stored):
    crashed = one_run("two", 2.0, ended=Crashed("the worker died", WorkerEnd("crash", 3)))
    runs = [one_run("one", 2.0), exported(crashed) if stored else crashed]
    pooled = document(pool(runs))
    int8 = pooled.cells[1]
    assert (int8.status, int8.refusal) == ("crashed", WorkerEnd("crash", 3))
    assert int8.reason == "the worker died; the figures are those of the 6 launches before"
    assert pooled.conclusions[0].verdict == "baseline"
    assert pooled.conclusions[0].barred == (int8.id,)


@pytest.mark.parametrize("end", [Unavailable("the link was lost"), Skipped("ruled out"), Pending()])
def test_a_run_that_could_not_measure_a_cell_says_nothing_against_the_others(end):
    one = one_run("one", 2.0, interrupted=True)
    one = replace(one, cells=(one.cells[0], replace(one.cells[1], launches=(), ended=end)))
    for runs in ([one, one_run("two", 2.0)], [exported(one), one_run("two", 2.0)]):
        int8 = document(pool(runs)).cells[1]
        assert (int8.status, int8.reason, int8.ops.total) == ("ok", None, 4)
        assert int8.latency_ms.launches == 3


def test_a_cell_without_an_answer_in_one_run_ended_badly():
    one = one_run("one", 2.0)
    one = replace(one, cells=(one.cells[0], replace(one.cells[1], launches=(), ended=Pending())))
    assert document(pool([one_run("two", 2.0), one])).cells[1].status == "crashed"


def test_the_ops_are_those_of_the_run_in_which_the_delegate_took_least():
    def on_xnnpack(ops):
        cells = [measured(cell("int8", "xnnpack"), [1.0], ops=ops)]
        return run(cells, BOTH, [device("xnnpack")])

    some, all_ = on_xnnpack(Ops(4, 1, 1, INT8_LEFT)), on_xnnpack(Ops(4, 4, 1))
    for runs in ([some, all_], [all_, some], [all_, exported(some)], [exported(some), exported(all_)]):
        (row,) = document(pool(runs)).cells
        assert (row.status, row.ops.delegated) == ("partial", 1)


def test_outputs_are_compared_within_a_run():
    """Two runs may have compared on different samples."""

    def with_outputs(name, values, error):
        cells = [
            launched(cell("float32", "cpu"), measurement("j", outputs=[output(values)])),
            launched(cell("int8", "xnnpack"), measurement("j", outputs=[output(np.array(values) + error)])),
        ]
        return run(cells, BOTH, [device("cpu"), device("xnnpack")], run_id=name)

    one, two = with_outputs("one", [[1.0, 2.0]], 0.01), with_outputs("two", [[-50.0, 3.0]], 0.02)
    lost = replace(one, cells=(replace(one.cells[0], launches=(), ended=Done()), one.cells[1]))
    assert document(pool([one, two])).cells[1].fidelity == document(one).cells[1].fidelity
    found = document(pool([lost, two])).cells[1]
    assert found.fidelity == document(two).cells[1].fidelity
    assert "variant-differs" not in codes(found)
    stored = exported(one)
    assert document(pool([stored, stored])).cells[1].fidelity == document(one).cells[1].fidelity


def test_damage_of_any_run_is_said():
    two = one_run("two", 2.0)
    two = replace(two, cells=(two.cells[0], replace(two.cells[1], damage=("launch 4 is damaged",))))
    assert "damaged" in codes(document(pool([one_run("one", 2.0), two])).cells[1])
    lines = replace(one_run("three", 2.0), damage=("line 7 of events.jsonl can't be read",))
    for row in document(pool([one_run("one", 2.0), lines])).cells:
        assert "damaged" in codes(row)
