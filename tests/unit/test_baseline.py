"""Which cell the others are compared with."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from harness.analysis import baselines, check_baseline, document
from harness.errors import ConfigError
from harness.record import Run
from tests.unit.run_builder import cell, device, failure, measured, run, variant


def baseline_of(built: Run) -> dict[str, str | None]:
    """cell -> the label its speedup names, in short words."""
    return {
        f"{row.variant}/{row.delegate}@{row.device}": row.speedup and str(row.speedup.baseline)
        for row in document(built).cells
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
        cell("float32", "cpu", ended=failure("crash")),
        measured(cell("float32", "xnnpack"), [1.0]),
        measured(cell("int8", "xnnpack"), [0.5]),
    ]
    built = run(cells, [variant("float32"), variant("int8")], [device("cpu"), device("xnnpack")])
    assert baseline_of(built)["int8/xnnpack@xnnpack"] == "float32/xnnpack@xnnpack"


def test_more_threads_compare_with_the_first_count() -> None:
    cells = [measured(cell("float32", "cpu", threads=n), [2.0 / n, 2.0 / n]) for n in (1, 4)]
    speedups = [c.speedup for c in document(run(cells, [variant("float32")], [device("cpu")])).cells]
    assert [s.value for s in speedups] == pytest.approx([1, 4])
    assert speedups[1].baseline.threads == 1


def test_models_do_not_share_a_baseline() -> None:
    cells = [measured(cell("float32", "cpu", model=name), [ms]) for name, ms in (("m", 1.0), ("n", 9.0))]
    doc = document(run(cells, [variant("float32", model=name) for name in "mn"], [device("cpu")]))
    assert [c.speedup.value for c in doc.cells] == [1, 1]


def two_models_of_one_folder(baseline: str | None) -> Run:
    variants = [variant(name, model=name[0], scheme="int8") for name in ("a1", "a2", "b1")]
    cells = [measured(cell(v.name, "cpu", model=v.model), [2.0, 2.1]) for v in variants]
    built = run(cells, variants, [device("cpu")], baseline=baseline)
    return replace(built, models=tuple(replace(model, source="zoo/") for model in built.models))


def names(built: Run) -> list[str]:
    found = baselines(built)
    return [found[entry.cell.id].variant.name for entry in built.cells]


def test_each_model_has_a_baseline_of_its_own() -> None:
    built = two_models_of_one_folder(None)
    assert names(built) == ["a1", "a1", "b1"]
    assert [row.baseline for row in document(built).cells] == [True, False, True]


def test_a_baseline_holds_for_the_models_of_a_folder_that_have_it() -> None:
    built = two_models_of_one_folder("a2")
    check_baseline(built)
    assert names(built) == ["a2", "a2", "b1"]
    with pytest.raises(ConfigError, match="--baseline c: "):
        check_baseline(two_models_of_one_folder("c"))
