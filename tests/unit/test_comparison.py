"""Two runs, cell by cell: verdicts, what times are compared by, facts, machines and gates."""

from __future__ import annotations

import json
import math
import random

import jsonschema
import msgspec
import pytest
from msgspec.structs import replace

from delegates.wire import Ops
from harness.analysis import pool
from harness.errors import ResultsError
from harness.record import Crashed, Fidelity, Git, Refused, Unavailable, schema
from tests.unit.comparing import by_cpu_time, cells_of, compare, made, noisy, stored_only
from tests.unit.run_builder import INT8_LEFT, cell, joined, launched, measured, output, tensor

FLOAT, INT8 = ("float32", "cpu"), ("int8", "cpu")
INT8_XNN = ("int8", "xnnpack")


def verdicts(comparison):
    return {name: one.verdict for name, one in cells_of(comparison).items()}


def facts(comparison):
    return {(fact.about, fact.what): (fact.base, fact.head) for fact in comparison.facts}


# Verdicts


def test_the_same_thing_measured_twice_is_the_same():
    assert set(verdicts(compare(made(1), made(2))).values()) == {"same"}


def test_a_cell_that_got_slower_or_faster_is_called_so_and_only_that():
    found = compare(made(1), made(2, slower={INT8: 1.08, INT8_XNN: 0.9}))
    assert verdicts(found) == {
        FLOAT: "same",
        INT8: "slower",
        ("float32", "xnnpack"): "same",
        INT8_XNN: "faster",
    }
    ratio = cells_of(found)[INT8].ratio
    assert ratio.value == pytest.approx(1 / 1.08, rel=0.005)  # above 1 would be faster
    assert ratio.low < 1 / 1.08 < ratio.high < 1


def test_what_the_intervals_do_not_show_is_undecided():
    noise = compare(made(1, noise=0.05), made(2, noise=0.05))
    assert set(verdicts(noise).values()) == {"undecided"}
    narrow = compare(made(1), made(2, slower={INT8: 1.02}), within=0.02)
    assert verdicts(narrow)[INT8] == "slower"  # the interval reaches beyond 2 %, and excludes 0
    assert verdicts(compare(made(1), made(2, slower={INT8: 1.01}), within=0.02))[INT8] == "same"
    assert verdicts(compare(made(1), made(2), within=0.0))[INT8] == "undecided"


def test_one_launch_decides_nothing():
    found = cells_of(compare(made(1, count=1), made(2, count=1)))[INT8]
    assert (found.verdict, found.ratio.low) == ("undecided", None)
    assert "too few launches" in found.reason


def test_cells_of_one_run_only_keep_their_figures():
    base, head = made(1), made(2)
    head = replace(head, cells=head.cells[:3])
    found = cells_of(compare(base, head))[INT8_XNN]
    assert (found.verdict, found.head, found.ratio) == ("only_base", None, None)
    assert found.base.median_ms == pytest.approx(0.5, rel=0.3)
    found = cells_of(compare(head, base))[INT8_XNN]
    assert (found.verdict, found.base) == ("only_head", None)
    assert [one.verdict for one in compare(base, head).cells][
        -1
    ] == "only_base"  # HEAD's order, then the rest


def test_runs_without_a_common_cell_are_an_error_that_says_what_they_have():
    other = replace(made(2), cells=(measured(cell("int8", "gpu"), [1.0]),), variants=())
    with pytest.raises(ResultsError, match=r"no cell in common: run-1 has digits float32/cpu@cpu and 3 more"):
        compare(made(1), joined(other))


def test_failed_cells_are_not_compared_even_if_they_left_figures():
    crashed = replace(measured(cell(*INT8), noisy(2.0)), ended=Crashed("the worker died"))
    found = cells_of(compare(made(1), made(2, instead={INT8: crashed})))[INT8]
    assert (found.verdict, found.ratio, found.memory_change) == ("not_measured", None, None)
    assert (found.base.status, found.head.status) == ("ok", "crashed")


def test_a_clock_that_stands_still_decides_nothing():
    still = measured(cell(*INT8), [0.0] * 8)
    found = cells_of(compare(made(1), made(2, instead={INT8: still})))[INT8]
    assert (found.verdict, found.ratio) == ("undecided", None)
    assert "clock stood still in HEAD" in found.reason


# What times are compared by


def test_the_interval_spans_both_ways_of_comparing():
    found = cells_of(compare(made(1), made(2, drift=1.1)))
    cell_ = found[INT8]
    assert str(cell_.relative_to) == "float32/cpu@cpu"
    assert cell_.as_measured.value == pytest.approx(1 / 1.1, rel=0.01)
    assert cell_.relative.value == pytest.approx(1.0, rel=0.01)
    low = min(cell_.as_measured.low, cell_.relative.low)
    high = max(cell_.as_measured.high, cell_.relative.high)
    assert (cell_.ratio.low, cell_.ratio.high) == (low, high)
    assert cell_.ratio.value == pytest.approx(math.sqrt(1 / 1.1), rel=0.01)
    assert cell_.verdict == "undecided"


@pytest.mark.parametrize(
    ("by", "verdict"), [("latency", "slower"), ("speedup", "same"), ("both", "undecided")]
)
def test_drift_of_the_whole_machine(by, verdict):
    found = cells_of(compare(made(1), made(2, drift=1.1), by=by))
    assert found[INT8].verdict == verdict
    assert found[FLOAT].yardstick is (by != "latency")
    assert found[FLOAT].verdict == ("slower" if by == "latency" else "undecided")


@pytest.mark.parametrize("by", ["both", "speedup"])
def test_without_a_yardstick_floors_are_compared_as_measured(by):
    heads = {
        "another file": made(2, drift=1.1, changed=["float32"]),
        "another runtime": with_runtime(made(2, drift=1.1), "2.4.0"),
        "other options": with_options(made(2, drift=1.1)),
    }
    for why, head in heads.items():
        found = cells_of(compare(made(1), head, by=by))[INT8]
        assert (found.relative, found.verdict) == (None, "slower"), why
        assert found.ratio == found.as_measured


def with_runtime(built, version):
    cells = tuple(launched(entry, *entry.launches, runtime_version=version) for entry in built.cells)
    devices = tuple(replace(one, runtime_version=version) for one in built.devices)
    return joined(replace(built, cells=cells, devices=devices))


def with_options(built):
    delegates = [replace(entry.cell.delegate, options={"a": 1}) for entry in built.cells]
    cells = zip(built.cells, delegates, strict=True)
    return replace(built, cells=tuple(replace(e, cell=replace(e.cell, delegate=d)) for e, d in cells))


def test_the_yardstick_is_a_baseline_of_either_run():
    head = made(2, drift=1.1, baseline="float32/xnnpack")
    found = cells_of(compare(made(1), head))
    assert str(found[INT8].relative_to) == "float32/cpu@cpu"
    changed = made(2, drift=1.1, changed=["int8"], baseline="int8/cpu")
    found = cells_of(compare(changed, made(1)))
    assert str(found[INT8_XNN].relative_to) == "float32/cpu@cpu"  # BASE's own has changed
    broken = made(2, drift=1.1, instead={FLOAT: cell(*FLOAT, ended=Refused("no"))})
    found = cells_of(compare(made(1), broken))
    assert str(found[INT8].relative_to) == "float32/xnnpack@xnnpack"  # what HEAD chose instead


def test_both_runs_are_compared_by_cpu_time_or_both_by_wall_time():
    one, other = by_cpu_time(made(1), 0.5), by_cpu_time(made(2), 0.55)
    found = cells_of(compare(one, other, by="latency"))[INT8]
    assert (found.clock, found.verdict) == ("cpu", "slower")
    found = cells_of(compare(one, made(2), by="latency"))[INT8]
    assert (found.clock, found.verdict) == ("wall", "same")


def test_runs_without_samples_are_compared_by_their_stored_speedups():
    base, head = stored_only(made(1)), stored_only(made(2, slower={INT8: 1.08}))
    found = cells_of(compare(base, head))
    assert (found[INT8].verdict, found[INT8].clock) == ("slower", None)
    assert found[INT8].ratio.value == pytest.approx(1 / 1.08, rel=0.01)
    assert found[FLOAT].verdict == "undecided"  # a median alone
    assert found[FLOAT].ratio.low is None and "no samples" in found[FLOAT].reason
    assert cells_of(compare(base, made(2)))[INT8].verdict == "same"  # the other's are not looked at


def test_pooled_runs_are_compared_like_others():
    base = pool([made(1), made(3)], force=True)
    found = compare(base, made(2, slower={INT8: 1.08}))
    assert (verdicts(found)[INT8], verdicts(found)[FLOAT]) == ("slower", "same")
    assert found.base.run_id == "run-1 + run-3"


def test_steps_of_the_clock_widen_the_interval():
    def coarse(built):
        cells = (launched(entry, *entry.launches, timer_resolution_ns=100_000.0) for entry in built.cells)
        return replace(built, cells=tuple(cells))

    fine = cells_of(compare(made(1), made(2), by="latency"))[INT8].ratio
    wide = cells_of(compare(coarse(made(1)), made(2), by="latency"))[INT8].ratio
    assert wide.low == pytest.approx(fine.low / math.exp(0.05), rel=0.01)


# What else changed


def test_sizes_memory_ops_and_status():
    partial = measured(cell(*INT8_XNN), noisy(0.5), ops=Ops(4, 1, 1, INT8_LEFT))
    larger = launched(partial, *partial.launches, peak_memory_bytes=55_000_000)
    found = cells_of(compare(made(1), made(2, sizes={"int8": 10_300}, instead={INT8_XNN: larger})))[INT8_XNN]
    assert found.size_change == pytest.approx(0.03)
    assert found.memory_change.value == pytest.approx(0.1, rel=0.01)
    assert found.memory_change.low == pytest.approx(0.1, rel=0.01)
    assert (found.ops_change, found.head.left) == (3, {"CONV_2D": 2, "SOFTMAX": 1})
    assert (found.base.status, found.head.status) == ("ok", "partial")
    back = cells_of(compare(made(2, instead={INT8_XNN: partial}), made(1)))[INT8_XNN]
    assert back.ops_change == -3


def test_fidelity_changes_where_both_have_the_same_reference():
    def with_outputs(*, off):
        near = [
            measured(cell(*name), noisy(1.0), outputs=[output([[1.0, 2.0 + o]])]) for name, o in off.items()
        ]
        return made(2, instead=dict(zip(off, near, strict=True)))

    base = with_outputs(off={FLOAT: 0.0, INT8: 0.01})
    head = with_outputs(off={FLOAT: 0.0, INT8: 0.1})
    found = cells_of(compare(base, head))[INT8].fidelity_change
    assert found.sqnr_db == pytest.approx(-20, abs=0.1)
    assert cells_of(compare(made(1), head))[INT8].fidelity_change is None
    elsewhere = stored_only(head)
    moved = Fidelity("float32/gpu@gpu", sqnr_db=3.0)
    rows = tuple(replace(row, fidelity=moved) for row in elsewhere.exported.cells)
    elsewhere = replace(elsewhere, exported=replace(elsewhere.exported, cells=rows))
    assert cells_of(compare(base, elsewhere))[INT8].fidelity_change is None


def test_runs_that_share_launches_decide_nothing_about_times():
    """A run beside itself and the one that resumed it: "same" would be half true by construction."""
    first, second = made(1), made(2, slower={("int8", "cpu"): 1.2})
    together = pool([first, second])
    for base, head in ((first, together), (together, first)):
        found = compare(base, head, latency=0.05, memory=0.05, size=0.05)
        assert {cell.verdict for cell in found.cells} == {"undecided"} and not found.failed
        assert {cell.reason for cell in found.cells} == {"run run-1 is part of both BASE and HEAD"}
        assert all(cell.undecided == ("latency", "memory") for cell in found.cells)
    assert {cell.verdict for cell in compare(together, together).cells} == {"same"}


# Facts and machines


def test_runs_of_the_same_thing_differ_in_no_fact():
    assert compare(made(1), made(2)).facts == ()


@pytest.mark.parametrize(
    ("changes", "about", "what", "told"),
    [
        ({"runtime_version": "2.4.0"}, "cpu", "runtime_version", ("2.3.0", "2.4.0")),
        ({"facts_before": {"governors": ["powersave"]}}, "cpu", "governors", (None, "powersave")),
        ({"python": "3.12.1"}, "xnnpack", "python", ("3.11.9", "3.12.1")),
        ({"cpu": "Cortex-A76"}, "cpu", "cpu", ("AMD EPYC", "Cortex-A76")),
        ({"memory_bytes": 4_000_000_000}, "cpu", "memory", ("8000 MB", "4000 MB")),
    ],
)
def test_facts_of_devices(changes, about, what, told):
    assert facts(compare(made(1), made(2, machine=changes)))[about, what] == told


def test_warnings_about_the_state_of_the_machine_are_facts():
    throttled = {"facts_before": {"throttle_count": 1}, "facts_after": {"throttle_count": 9}}
    found = compare(made(1), made(2, machine=throttled))
    assert facts(found)["cpu", "warnings"] == ("none", "throttled")


def test_facts_of_runs_models_and_variants_come_after_those_of_machines():
    head = made(2, changed=["int8"], precision=0.05, machine={"cpu": "Z80", "runtime_version": "9"})
    other = [replace(head.models[0], sha256="b" * 64, source="elsewhere.keras")]
    head = replace(head, models=tuple(other))
    found = compare(made(1), head)
    assert [fact.kind for fact in found.facts] == sorted(
        (fact.kind for fact in found.facts), key=["machine", "device", "run", "model", "variant"].index
    )
    assert facts(found)["run", "precision"] == ("±1 %", "±5 %")
    assert facts(found)["digits", "source"] == ("digits.keras", "elsewhere.keras")
    assert set(facts(found)) >= {("digits", "model"), ("digits int8", "file")}


def test_revisions_and_tags_are_facts():
    base, head = made(1), made(2)
    base = replace(base, header=replace(base.header, git=Git("a" * 40, "main", False), tags={"board": "1"}))
    head = replace(head, header=replace(head.header, git=Git("b" * 40, None, True), tags={"who": "me"}))
    assert facts(compare(base, head)) == {
        ("run", "revision"): ("aaaaaaaaaaaa (main)", "bbbbbbbbbbbb, with changes"),
        ("run", "tag board"): ("1", None),
        ("run", "tag who"): (None, "me"),
    }


def test_only_settings_that_differ_are_named():
    other = made(2)
    variants = [replace(one, settings={**one.settings, "batch": 4}) for one in other.variants]
    found = facts(compare(made(1), joined(replace(other, variants=tuple(variants)))))
    assert found == {
        ("digits float32", "settings.batch"): (None, "4"),
        ("digits int8", "settings.batch"): (None, "4"),
    }


def test_another_model_under_the_same_name_is_told_by_its_inputs():
    other = made(2)
    variants = [replace(one, inputs=(tensor((1, 16, 16, 1)),)) for one in other.variants]
    found = compare(made(1), joined(replace(other, variants=tuple(variants))))
    told = facts(found)["digits int8", "inputs and outputs"]
    assert told == ("[8, 8, 1] to [10]", "[16, 16, 1] to [10]")


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"cpu": "Z80"}, True),
        ({"arch": "aarch64"}, True),
        ({"cores": 4}, True),
        ({"memory_bytes": 16_000_000_000}, True),
        ({"memory_bytes": 8_010_000_000}, False),  # after an update of its system
        ({"cpu": None, "cores": None, "memory_bytes": None}, False),  # not known
        ({"os": "Linux 7"}, False),
    ],
)
def test_which_machines_are_different(changes, differs):
    found = compare(made(1), made(2, machine=changes))
    assert found.other_machines == (("cpu", "xnnpack") if differs else ())


def test_boards_at_different_addresses_are_different_machines():
    boards = [made(n, machine={"place": "ssh", "machine": f"pi@board{n}"}) for n in (1, 2)]
    assert compare(*boards).other_machines == ("cpu", "xnnpack")
    assert compare(boards[0], boards[0]).other_machines == ()


def test_across_machines_nothing_is_relative_and_no_gate_of_times_judges():
    found = compare(made(1), made(2, drift=1.5, machine={"cpu": "Z80"}), latency=0.05, memory=0.05, size=0.0)
    for one in found.cells:
        assert (one.relative, one.verdict) == (None, "slower")
        assert (one.failed, one.undecided) == ((), ("latency", "memory"))
    assert not found.failed


# Gates


def failed(base, head, **limits):
    return {name: one.failed for name, one in cells_of(compare(base, head, **limits)).items() if one.failed}


def undecided(base, head, **limits):
    found = cells_of(compare(base, head, **limits))
    return {name: one.undecided for name, one in found.items() if one.undecided}


def test_a_gate_fails_where_the_whole_interval_is_beyond_its_limit():
    head = made(2, slower={INT8: 1.08})
    assert failed(made(1), head, latency=0.05) == {INT8: ("latency",)}
    assert failed(made(1), head, latency=0.10) == {}
    assert failed(head, made(1), latency=0.05) == {}  # faster
    assert undecided(made(1), head, latency=0.05) == {}
    at_the_limit = made(2, slower={INT8: 1.05})
    assert failed(made(1), at_the_limit, latency=0.05) == {}
    assert undecided(made(1), at_the_limit, latency=0.05) == {INT8: ("latency",)}


def test_undecided_gates_fail_if_asked_to():
    head = made(2, slower={INT8: 1.05})
    assert not compare(made(1), head, latency=0.05).failed
    strict = compare(made(1), head, latency=0.05, undecided="fail")
    assert strict.failed and cells_of(strict)[INT8].failed == ("latency",)


def test_without_gates_nothing_fails():
    crashed = {INT8: cell(*INT8, ended=Crashed("dead"))}
    found = compare(made(1), made(2, drift=2.0, sizes={"int8": 99_999}, instead=crashed), undecided="fail")
    assert not found.failed
    assert all(one.failed == one.undecided == () for one in found.cells)


def test_gates_of_size_memory_and_ops():
    partial = measured(cell(*INT8_XNN), noisy(0.5), ops=Ops(4, 1, 1, INT8_LEFT))
    partial = launched(partial, *partial.launches, peak_memory_bytes=60_000_000)
    head = made(2, sizes={"int8": 10_100}, instead={INT8_XNN: partial})
    assert failed(made(1), head, size=0.0) == {INT8: ("size",), INT8_XNN: ("size",)}
    assert failed(made(1), head, size=0.02) == {}
    assert failed(made(1), head, memory=0.05) == {INT8_XNN: ("memory",)}
    assert failed(made(1), head, memory=0.5) == {}
    assert failed(made(1), head, ops=0) == {INT8_XNN: ("ops",)}
    assert failed(made(1), head, ops=3) == {}
    assert failed(head, made(1), size=0.0, memory=0.0, ops=0) == {}


@pytest.mark.parametrize("end", [Crashed("dead"), Refused("no kernel")])
def test_a_cell_that_broke_fails_every_gate(end):
    for gate in ({"latency": 9.0}, {"size": 9.0}, {"memory": 9.0}, {"ops": 99}):
        broken = made(2, instead={INT8: cell(*INT8, ended=end)})
        assert failed(made(1), broken, **gate) == {INT8: ("status",)}
        assert failed(broken, made(1), **gate) == {}  # it was broken before


def test_what_is_missing_in_head_is_undecided():
    away = made(2, instead={INT8: cell(*INT8, ended=Unavailable("no such hardware"))})
    assert undecided(made(1), away, latency=0.5) == {INT8: ("status",)}
    fewer = replace(made(2), cells=made(2).cells[:3])
    assert undecided(made(1), fewer, latency=0.5) == {INT8_XNN: ("status",)}
    assert failed(made(1), fewer, latency=0.5, undecided="fail") == {INT8_XNN: ("status",)}
    assert undecided(fewer, made(1), latency=0.5) == {}  # a new cell has nothing to be compared with


def test_a_yardstick_never_fails_by_itself():
    head = made(2, slower={FLOAT: 1.2})
    assert undecided(made(1), head, latency=0.05)[FLOAT] == ("latency",)
    assert FLOAT not in failed(made(1), head, latency=0.05)
    assert failed(made(1), head, latency=0.05, by="latency") == {FLOAT: ("latency",)}


def test_unknown_sizes_and_ops_are_undecided():
    def unknown(built):
        cells = (launched(entry, *entry.launches, ops=None) for entry in built.cells)
        variants = tuple(replace(one, size_bytes=None) for one in built.variants)
        return joined(replace(built, cells=tuple(cells), variants=variants))

    found = undecided(made(1), unknown(made(2)), size=0.0, ops=0)
    assert set(found.values()) == {("size", "ops")}


# Rules that hold for any two runs


def any_run(chance, seed):
    ends = [Crashed("a"), Refused("b"), Unavailable("c")]
    names = [FLOAT, INT8, ("float32", "xnnpack"), INT8_XNN]
    broken = {name: cell(*name, ended=chance.choice(ends)) for name in names if chance.random() < 0.1}
    built = made(
        seed,
        slower={name: chance.choice([1.0, 1.0, 1.01, 1.1, 0.9, 3.0]) for name in names},
        drift=chance.choice([1.0, 1.0, 1.2]),
        count=chance.choice([1, 2, 3, 5, 10]),
        noise=chance.choice([0.0, 0.001, 0.01, 0.1]),
        sizes={"int8": chance.choice([10_000, 10_000, 12_000])},
        changed=[name for name in ("float32", "int8") if chance.random() < 0.3],
        instead=broken,
        machine=chance.choice([{}, {}, {}, {"cores": 8}]),
    )
    return built if chance.random() < 0.8 else stored_only(built)


@pytest.mark.parametrize("seed", range(60))
def test_rules_for_any_two_runs(seed):
    chance = random.Random(seed)  # noqa: S311 - figures
    base, head = any_run(chance, 2 * seed), any_run(chance, 2 * seed + 1)
    within, limit = chance.choice([0.0, 0.02, 0.1]), chance.choice([0.0, 0.05, 0.3])
    limits = {
        "within": within,
        "latency": limit,
        "size": limit,
        "by": chance.choice(["both", "latency", "speedup"]),
    }
    found, back = compare(base, head, **limits), cells_of(compare(head, base, **limits))
    opposite = {"faster": "slower", "slower": "faster", "only_base": "only_head", "only_head": "only_base"}
    for name, one in cells_of(found).items():
        assert back[name].verdict == opposite.get(one.verdict, one.verdict)
        if one.ratio is None or one.ratio.low is None:
            assert one.verdict not in ("faster", "slower", "same")
            assert "latency" not in one.failed
            continue
        ratio, mirrored = one.ratio, back[name].ratio
        assert ratio.low <= ratio.value <= ratio.high
        assert mirrored.value == pytest.approx(1 / ratio.value)
        assert (mirrored.low, mirrored.high) == pytest.approx((1 / ratio.high, 1 / ratio.low))
        if one.verdict == "same":
            assert 1 / (1 + within) <= ratio.low and ratio.high <= 1 + within
        if one.verdict in ("faster", "slower"):
            assert (ratio.low > 1) == (one.verdict == "faster") and not ratio.low <= 1 <= ratio.high
        if "latency" in one.failed:
            assert one.verdict in ("slower", "same") and 1 / ratio.high - 1 > limit
            assert "latency" not in back[name].failed
            assert not found.other_machines
        assert not set(one.failed) & set(one.undecided)
    assert found.failed == any(one.failed for one in found.cells)
    plain = json.loads(json.dumps(msgspec.to_builtins(found), allow_nan=False))
    jsonschema.validate(plain, json.loads(schema.COMPARISON_FILE.read_text(encoding="utf-8")))
    assert msgspec.convert(plain, type(found)) == found
