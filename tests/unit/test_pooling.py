"""Several runs as one: the launches of all count, and only runs of the same thing are pooled."""

from __future__ import annotations

import copy

import pandas as pd
import pytest

from delegates import stats
from harness.analysis.pooling import Stored, differences, pool
from harness.analysis.rows import document
from harness.errors import ResultsError
from harness.store import create
from tests.unit.run_builder import cell, device, measured, run, variant


def stored(folder, name, *ratios, **more):
    """A run of two cells with three launches each, the second `ratios` times as fast (one ratio: always)."""
    ratios = ratios * 3 if len(ratios) == 1 else ratios
    times = [4.0, 5.0, 6.0]
    cells = [
        measured(cell("float32", "cpu"), times),
        measured(cell("int8", "cpu"), [ms / ratio for ms, ratio in zip(times, ratios, strict=True)]),
    ]
    return kept(folder, run(cells, [variant("float32"), variant("int8")], [device("cpu")], **more), name)


def kept(folder, made, name):
    made.run_id = name
    store = create(folder, name)
    store.save(made, document(made))
    return Stored(document(made), store.folder)


def test_launches_add_up_and_the_speedup_is_that_of_all(tmp_path):
    runs = [stored(tmp_path, "one", 2.0), stored(tmp_path, "two", 4.0)]
    pooled = pool(runs)
    base, int8 = pooled["cells"]
    assert pooled["run_id"] == "one + two"
    assert (base["latency_ms"]["launches"], base["latency_ms"]["count"]) == (6, 120)
    theirs = dict(enumerate([1.0] * 6))
    expected = stats.speedup(theirs, dict(enumerate([1 / 2, 1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 4])))
    assert [int8["speedup"][key] for key in ("value", "low", "high")] == pytest.approx(expected)
    assert runs[0].document["cells"][1]["latency_ms"]["launches"] == 3  # the stored one is as it was


@pytest.mark.parametrize(
    ("where", "key", "value", "said"),
    [
        ("devices", "cpu", "another CPU", "cpu cpu:"),
        ("devices", "runtime_version", "9.9", "runtime_version"),
        ("devices", "facts_before", {"governors": ["powersave"]}, "governors"),
        ("variants", "sha256", "0" * 64, "sha256"),
    ],
)
def test_what_differs_is_named_and_refused_unless_forced(tmp_path, where, key, value, said):
    one, two = stored(tmp_path, "one", 2.0), stored(tmp_path, "two", 2.0)
    other = copy.deepcopy(two.document)
    other[where][0][key] = value
    with pytest.raises(ResultsError, match="not of the same thing") as refused:
        pool([one, Stored(other, two.folder)])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert pool([one, Stored(other, two.folder)], force=True)["cells"][0]["latency_ms"]["launches"] == 6


def test_the_same_thing_has_no_differences(tmp_path):
    one, two = stored(tmp_path, "one", 2.0), stored(tmp_path, "two", 3.0)
    assert differences(one.document, two.document) == []


def codes(cell_):
    return [warning["code"] for warning in cell_["warnings"]]


def test_warnings_of_the_interval_are_those_of_the_pooled_one(tmp_path):
    """Three launches each are wide, six are [2.0, 2.0]: nothing is left to warn of."""
    runs = [stored(tmp_path, name, 2.0, 2.0, 2.0001, budget_s=0.5) for name in ("one", "two")]
    for found in runs:
        found.document["cells"][1]["warnings"].append({"code": "wide-interval", "message": "it is wide"})
    pooled = pool(runs)
    int8 = pooled["cells"][1]
    assert int8["speedup"]["high"] - int8["speedup"]["low"] < 0.001
    assert "wide-interval" not in codes(int8)
    wide = pool([stored(tmp_path, "three", 2.0, 2.2, 1.9), stored(tmp_path, "four", 1.5, 2.0, 2.4)])
    assert "wide-interval" in codes(wide["cells"][1])
    assert "no-interval" not in codes(wide["cells"][0])


def test_what_any_of_the_runs_warned_of_is_kept(tmp_path):
    runs = [stored(tmp_path, name, 2.0) for name in ("one", "two")]
    runs[0].document["cells"][0]["warnings"] = [{"code": "neighbour", "message": "10 % of a core"}]
    runs[1].document["cells"][0]["warnings"] = [
        {"code": "neighbour", "message": "20 % of a core"},
        {"code": "throttled", "message": "it was hot"},
    ]
    found = {warning["code"]: warning["message"] for warning in pool(runs)["cells"][0]["warnings"]}
    assert (found["neighbour"], found["throttled"]) == ("10 % of a core", "it was hot")


def test_what_is_measured_once_per_launch_is_that_of_all_launches(tmp_path):
    one, two = stored(tmp_path, "one", 2.0), stored(tmp_path, "two", 2.0)
    for column, value in (("init_ns", "9000000"), ("first_ns", "8000000"), ("peak_memory_bytes", "70000000")):
        launches = pd.read_csv(two.folder / "launches.csv")
        launches[column] = value
        launches.to_csv(two.folder / "launches.csv", index=False)
    for cell_ in pool([one, two])["cells"]:
        assert (cell_["init_ms"], cell_["first_ms"]) == (6.0, 5.0)  # half 3 and 2, half 9 and 8
        assert cell_["peak_memory_bytes"] == 70_000_000


def test_the_pooled_budget_and_conclusion_are_those_of_all_runs(tmp_path):
    runs = [stored(tmp_path, name, 0.9, 1.0, 1.2, budget_s=1.5) for name in ("one", "two")]
    pooled = pool(runs)
    assert pooled["budget_s"] == 3.0
    assert pooled["conclusions"][0]["verdict"] == "not-shown"
    assert pooled["conclusions"][0]["budget_s"] > 3.0


def test_runs_of_a_clock_that_stood_still_are_pooled_without_a_speedup(tmp_path):
    cells = [
        measured(cell("float32", "cpu"), [1.0] * 3),
        measured(cell("int8", "cpu"), [0.0] * 3, blocks=[[0] * 20]),
    ]
    made = run(cells, [variant("float32"), variant("int8")], [device("cpu")])
    old = kept(tmp_path, made, "one")
    other = kept(tmp_path, made, "two")
    for found in (old, other):  # as an older qbench may have stored it
        found.document["cells"][1]["speedup"] = found.document["cells"][0]["speedup"]
    int8 = pool([old, other])["cells"][1]
    assert (int8["speedup"], int8["throughput_per_s"]) == (None, None)
    assert "zero-times" in codes(int8)


def test_runs_of_different_models_are_refused_in_a_line_that_can_be_read(tmp_path):
    def of(model, *names):
        cells = [measured(cell(name, "cpu", model=model), [1.0]) for name in names]
        made = run(cells, [variant(name, model=model) for name in names], [device("cpu")])
        return kept(tmp_path, made, model)

    many = ("float32", "float16", "dynamic", "int8_float", "int8", "uint8", "int16x8")
    digits, ad01 = of("digits", *many), of("ad01", *many)
    with pytest.raises(ResultsError) as refused:
        pool([digits, ad01])
    assert str(refused.value) == (
        "runs digits and ad01 are not of the same thing: they measured digits and ad01; --force pools them"
        " all the same"
    )
    remade = copy.deepcopy(digits.document)
    for entry in remade["variants"]:
        entry["sha256"] = "0" * 64
    with pytest.raises(ResultsError) as refused:
        pool([digits, Stored({**remade, "run_id": "later"}, digits.folder)])
    assert "digits float32: another file (sha256 float32f… and 00000000…)" in str(refused.value)
    assert "and 4 more" in str(refused.value) and len(str(refused.value)) < 300


def test_what_only_one_run_has_is_named(tmp_path):
    """Nothing of either run is dropped without a word."""
    one = stored(tmp_path, "one", 2.0).document
    fewer, other = copy.deepcopy(one), copy.deepcopy(one)
    fewer["cells"] = [cell for cell in fewer["cells"] if cell["variant"] != "int8"]
    assert differences(one, fewer) == ["only the first has digits int8"]
    assert differences(fewer, one) == ["only the second has digits int8"]
    assert differences(one, other) == []
    cell = other["cells"][1]
    name = f"digits int8/{cell['delegate']}@{cell['device']} with threads"
    cell["threads"] += 1
    assert differences(one, other) == [
        f"only the first has {name} {cell['threads'] - 1}",
        f"only the second has {name} {cell['threads']}",
    ]


def test_a_cell_that_crashed_in_a_later_run_is_not_pooled_as_if_it_had_not(tmp_path):
    runs = [stored(tmp_path, name, 2.0, 2.0, 2.0001) for name in ("one", "two")]
    crashed = runs[1].document["cells"][1]
    crashed |= {"status": "crashed", "reason": "the worker died", "refusal": {"stage": "invoke"}}
    pooled = pool(runs)
    int8 = pooled["cells"][1]
    assert (int8["status"], int8["reason"], int8["refusal"]) == (
        "crashed",
        "the worker died",
        {"stage": "invoke"},
    )
    assert pooled["conclusions"][0]["verdict"] == "baseline"
    assert pooled["conclusions"][0]["barred"] == [int8["id"]]


def test_a_run_that_could_not_measure_a_cell_says_nothing_against_the_others(tmp_path):
    runs = [stored(tmp_path, name, 2.0) for name in ("one", "two")]
    runs[0].document["cells"][1] |= {"status": "unavailable", "reason": "the link was lost", "ops": None}
    int8 = pool(runs)["cells"][1]
    assert (int8["status"], int8["reason"], int8["ops"]["total"]) == ("ok", None, 4)
