"""What a run that was cut short lacks, what is measured to resume it, and both as one run."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from msgspec.structs import replace

from harness.analysis import document, resumed
from harness.analysis.pooling import check_resumable
from harness.analysis.resuming import Needed, lacking
from harness.errors import ConfigError, ResultsError
from harness.record import Asked, Crashed, Done, FailedVariant, Pending, Refused, Skipped, Unavailable
from harness.session.asked import asked_of, options_of
from harness.session.options import Options
from tests.unit.run_builder import cell, device, measured, output, run, variant

TIMES = [4.0, 5.0, 6.0, 4.5, 5.5, 4.2]
SCHEMES = ("float32", "int8", "uint8")
VARIANTS = [variant(name, model=model) for model in ("one", "two") for name in SCHEMES]
DEVICES = [device("cpu"), device("xnnpack")]


def whole(name, delegate="cpu", model="one", ended=None, factor=1.0, launches=6):
    times = [ms * factor for ms in TIMES[:launches]]
    built = measured(cell(name, delegate, model=model), times, outputs=[output(np.eye(4))])
    return replace(built, ended=ended or Done())


def lost(name, ended, delegate="cpu", model="one"):
    return cell(name, delegate, model=model, ended=ended)


def first(*cells, **more):
    return run(cells, VARIANTS, DEVICES, run_id="first", **more)


def second(*cells, resumes="first", **more):
    built = run(cells, VARIANTS, DEVICES, run_id="second", **more)
    return replace(built, header=replace(built.header, resumes=resumes))


def names(keys):
    return {f"{model}/{name.variant}/{name.delegate}" for model, name, *_ in keys}


@pytest.mark.parametrize(
    ("entry", "lacks"),
    [
        (whole("int8"), False),
        (replace(whole("int8"), launches=()), True),  # they can no longer be read
        (lost("int8", Pending()), True),
        (whole("int8", ended=Pending()), True),
        (lost("int8", Unavailable("the link was lost")), True),
        (whole("int8", ended=Unavailable("the link was lost")), True),
        (lost("int8", Skipped("on paper")), False),
        (lost("int8", Refused("no kernel")), False),
        (lost("int8", Crashed("it died")), False),
    ],
)
def test_what_has_no_answer_is_lacking(entry, lacks):
    cut_short = first(whole("float32"), entry, interrupted=True)
    assert names(lacking([cut_short])) == ({"one/int8/cpu"} if lacks else set())


def test_a_run_that_came_to_its_end_lacks_only_what_has_no_launch():
    """A budget may be spent after a few launches."""
    cells = [whole("float32", ended=Pending(), launches=2), lost("int8", Pending())]
    assert names(lacking([first(*cells)])) == {"one/int8/cpu"}


def test_a_model_is_complete_once_its_machine_has_gone_on_to_the_next():
    cells = [whole("float32", ended=Pending(), launches=2), lost("int8", Pending())]
    begun = whole("float32", model="two", ended=Pending(), launches=1)
    built = first(*cells, begun, interrupted=True)
    assert names(lacking([built])) == {"one/int8/cpu", "two/float32/cpu"}
    elsewhere = first(*cells, whole("float32", "xnnpack", "two", Pending()), finished_at=None)
    away = [
        replace(
            entry,
            cell=replace(entry.cell, device=replace(entry.cell.device, machine=entry.cell.delegate.name)),
        )
        for entry in elsewhere.cells
    ]
    assert len(lacking([replace(elsewhere, cells=tuple(away))])) == 3


def test_what_a_later_run_has_measured_is_no_longer_lacking():
    one = first(whole("float32"), lost("int8", Pending()), lost("uint8", Pending()))
    two = second(whole("float32", ended=Pending()), whole("int8"), lost("uint8", Pending()), interrupted=True)
    assert names(lacking([one, two])) == {"one/uint8/cpu"}


def needed(built, ended=None):
    return Needed(built, lacking([built]), ended or {})


def test_the_baseline_and_what_outputs_are_compared_with_are_measured_again():
    cells = [whole(name) for name in SCHEMES] + [
        whole("float32", "xnnpack"),
        lost("int8", Pending(), "xnnpack"),
    ]
    other = [whole(name, model="two") for name in SCHEMES]
    found = needed(first(*cells, *other, baseline="uint8/cpu"))
    assert names(found.cells) == {"one/int8/xnnpack", "one/uint8/cpu", "one/float32/cpu", "one/int8/cpu"}
    assert found.baseline_ids >= {"one/uint8/cpu@cpu#1"}


def test_nothing_accompanies_cells_that_can_not_be_measured():
    built = first(whole("float32"), lost("int8", Unavailable("no device"), "xnnpack"))
    (missing,) = lacking([built])
    assert needed(built, {missing: Unavailable("no device")}).cells == {missing}


def test_a_baseline_that_comes_late_has_everything_measured_again():
    """No launch of the others can be compared with it."""
    built = first(lost("float32", Unavailable("the link was lost")), whole("int8"), whole("uint8"))
    assert len(needed(built).cells) == 3


def test_each_launch_is_compared_with_one_of_its_own_run():
    one = first(whole("float32"), whole("int8", factor=0.5), lost("uint8", Pending()), interrupted=True)
    slower = [whole("float32", factor=3), whole("uint8", factor=1)]
    together = resumed([one, second(*slower)])
    rows = {row.variant: row for row in document(together).cells}
    assert together.header.run_id == "first + second" and together.header.resumes == "first"
    assert not together.interrupted and together.header.budget_s == one.header.budget_s
    assert rows["int8"].speedup == document(one).cells[1].speedup
    assert rows["uint8"].speedup.value == pytest.approx(3.0)
    assert [rows[name].latency_ms.launches for name in SCHEMES] == [12, 6, 6]
    assert {row.status for row in rows.values()} == {"ok"}
    assert rows["uint8"].fidelity is not None


def test_a_link_that_is_back_is_no_problem_any_more():
    one = first(whole("float32"), lost("int8", Unavailable("the link was lost")))
    one = replace(one, devices=(replace(one.devices[0], problem="the link was lost"), one.devices[1]))
    together = resumed([one, second(whole("float32"), whole("int8"))])
    assert [there.problem for there in together.devices] == [None, None]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"runtime_version": "2.4.0"}, "cpu runtime_version: 2.3.0 and 2.4.0"),
        ({"cpu": "Cortex-A72"}, "cpu cpu: AMD EPYC and Cortex-A72"),
        ({"facts_before": {"governors": ["powersave"]}}, "cpu governors: performance and powersave"),
    ],
)
def test_what_is_not_the_same_is_not_joined(change, what):
    one, two = first(whole("float32"), whole("int8")), second(whole("float32"))
    governed = replace(one.devices[0], facts_before={"governors": ["performance"]})
    one = replace(one, devices=(governed, one.devices[1]))
    two = replace(two, devices=(replace(two.devices[0], **change), two.devices[1]))
    with pytest.raises(ResultsError, match=f"first can't be resumed, because something has changed: {what}"):
        resumed([one, two])


def test_variants_that_are_yet_to_be_made_are_no_difference():
    """So it is in a dry run whose cache is empty."""
    one = first(whole("float32"), lost("int8", Pending()))
    entry = lost("int8", Pending())
    planned = replace(entry, cell=replace(entry.cell, variant=FailedVariant("one", "int8", "not made yet")))
    check_resumable(one, replace(second(planned), variants=()))


OPTIONS = Options(models=["net.tflite"], threads=[1, 2], calibration="data.npz", budget_s=3.0, precision=0.02)


def recorded(options=OPTIONS):
    built = first(whole("float32"))
    header = replace(built.header, options=asked_of(options), budget_s=3.0, precision=0.02, tags={"a": "b"})
    return replace(built, header=header)


def test_options_are_taken_from_the_record():
    given = Options(models=["digits"], wait_s=5.0, tags={"c": "d"}, trust_model=True)
    found = options_of(recorded(), given, {"wait_s", "tags", "trust_model"})
    assert found == Options(
        models=("net.tflite",), devices=("cpu", "xnnpack"), threads=(1, 2), calibration="data.npz",
        budget_s=3.0, precision=0.02, wait_s=5.0, tags={"a": "b", "c": "d"}, trust_model=True,
        variants=(), delegates=(),
    )  # fmt: skip


def test_options_that_contradict_are_refused():
    same = dataclasses.replace(OPTIONS, threads=(1, 2))
    assert options_of(recorded(), same, {"threads", "models", "precision"}).threads == (1, 2)
    with pytest.raises(ConfigError, match=r"--dataset x\.npz: run first was measured without; leave it out"):
        options_of(recorded(), Options(dataset="x.npz"), {"dataset"})
    with pytest.raises(ConfigError, match=r"--budget 9: run first was measured with --budget 3\.0"):
        options_of(recorded(), Options(budget_s=9), {"budget_s"})


def test_a_run_that_did_not_record_its_options_says_which_to_repeat():
    assert asked_of(Options(models=[b"a model"])) is None and asked_of(Options(only=bool)) is None
    old = recorded(Options(models=[b"a model"]))
    with pytest.raises(
        ConfigError, match=r"repeat them after --resume: --model one\.keras --model two\.keras"
    ):
        options_of(old, Options(), set())
    found = options_of(old, Options(models=["one.keras"], threads=[2]), {"models", "threads"})
    assert (found.models, found.threads, found.budget_s) == (["one.keras"], [2], 3.0)


def test_paths_are_recorded_as_texts(tmp_path):
    assert asked_of(Options(models=[tmp_path])) == Asked(models=(str(tmp_path),))
