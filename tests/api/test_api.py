"""`import qbench`, as a notebook or a script uses it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import qbench
from tests.models import dense_model

BUDGET_S = 0.05


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch, tmp_path_factory):
    """An empty working directory, and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "api-cache"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> qbench.Run:
    """A run of two variants on two devices, one of them made in Python."""
    folder = tmp_path_factory.mktemp("measured")
    pair(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("QBENCH_CACHE", str(folder / "cache"))
        mine = qbench.device("mine", delegates=["xnnpack"])
        return qbench.run(
            folder / "pair",
            devices=["cpu", mine],
            budget_s=BUDGET_S,
            results=folder / "results",
            tags={"board": "none"},
        )


def pair(folder: Path) -> Path:
    """A folder of two .tflite files: one model, the variants a and b."""
    (folder / "pair").mkdir()
    for name in ("a", "b"):
        (folder / "pair" / f"{name}.tflite").write_bytes(dense_model(seed=1))
    return folder / "pair"


def test_a_run_holds_a_row_per_cell(measured):
    assert [(row.variant, row.device, row.delegate) for row in measured.rows] == [
        ("a", "cpu", "cpu"),
        ("b", "cpu", "cpu"),
        ("a", "mine", "xnnpack"),
        ("b", "mine", "xnnpack"),
    ]
    assert all(row.status == "ok" for row in measured.rows)
    assert not measured.interrupted
    assert measured.problem is None


def test_a_cell_is_found_by_as_many_names_as_it_takes(measured):
    row = measured["b", "xnnpack"]
    assert row is measured["b", "xnnpack", "mine"] is measured["b", "xnnpack", "mine", "pair"]
    assert row is measured["b", "xnnpack", 1] is measured[row.id]
    assert row.speedup.low <= row.speedup.value <= row.speedup.high
    assert str(row.speedup.baseline) == "a/cpu@cpu"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("a", "2 cells are called a: pair a/cpu@cpu; pair a/xnnpack@mine; name more of one"),
        (("a", "gpu"), "no cell is called a/gpu; there are pair a/cpu@cpu;"),
        (("a", "cpu", 2), "no cell is called a/cpu/2"),
    ],
)
def test_none_or_several_cells_are_a_key_error_in_words(measured, key, message):
    with pytest.raises(KeyError, match=r"cell") as raised:
        measured[key]
    assert str(raised.value).startswith(message)
    assert isinstance(raised.value, qbench.QbenchError)


def test_frames_hold_what_is_stored(measured):
    frame, samples = measured.to_frame(), measured.samples()
    assert list(frame.variant) == ["a", "b", "a", "b"]
    assert list(frame["latency_ms.median"]) == [row.latency_ms.median for row in measured.rows]
    assert frame["ops.total"].tolist() == [1] * 4
    stored = pd.read_csv(measured.folder / "samples.csv.gz")
    assert list(samples) == list(stored)
    assert samples.run_ns.tolist() == stored.run_ns.tolist()
    assert len(samples) == sum(row.latency_ms.count for row in measured.rows)


def test_the_document_is_that_of_the_command(measured):
    assert measured.to_dict() == json.loads((measured.folder / "run.json").read_text())


def test_a_run_shows_itself(measured):
    text, html = repr(measured), measured._repr_html_()
    assert "pair on mine — xnnpack delegate" in text
    assert "baseline" in text
    assert "<table" in html
    assert "\x1b" not in text


def test_two_runs_are_compared(measured):
    found = qbench.compare(measured, measured.folder, fail_size=0.0, fail_over=0.5)
    assert [cell.id for cell in found.cells] == [row.id for row in measured.rows]
    cell = found["b", "xnnpack"]
    assert cell.ratio.low <= 1 <= cell.ratio.high
    assert (cell.size_change, cell.failed, found.failed, found.failures, found.facts) == (
        0,
        (),
        False,
        (),
        (),
    )
    frame = found.to_frame()
    assert list(frame.variant) == ["a", "b", "a", "b"]
    assert frame["ratio.value"].tolist() == [one.ratio.value for one in found.cells]
    assert frame.relative_to[1] == "a/cpu@cpu"
    assert found.to_dict()["cells"][1]["relative_to"]["variant"] == "a"
    assert "BASE and HEAD are the same run" in repr(found)
    assert "<table" in found._repr_html_()
    with pytest.raises(KeyError, match="2 cells are called b"):
        found["b"]


def test_pooled_runs_are_compared(measured, tmp_path):
    """A run counts once, and what is on both sides is not compared."""
    others = []
    for name in ("20261121-0544", "20261121-0545"):
        others.append(shutil.copytree(measured.folder, tmp_path / name))
        events = others[-1] / "events.jsonl"
        events.write_text(events.read_text().replace(measured.id, name))
    pooled = qbench.load(*others, others[0])
    assert pooled["a", "cpu"].latency_ms.launches == 2 * measured["a", "cpu"].latency_ms.launches
    found = qbench.compare(pooled, measured)
    assert found.document.base.run_id == "20261121-0544 + 20261121-0545"
    assert all(cell.ratio.low is not None for cell in found.cells)
    shared = qbench.compare(qbench.load(measured.folder, others[0]), measured)
    assert {cell.verdict for cell in shared.cells} == {"undecided"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"within": "2%"}, "within: a number from 0 upwards"),
        ({"fail_over": -1}, "fail_over: a number from 0 upwards"),
        ({"fail_size": float("nan")}, "fail_size: a number"),
        ({"fail_ops": 1.5}, "fail_ops: whole numbers"),
        ({"by": "luck"}, "by: 'both' or 'latency' or 'speedup' expected"),
        ({"undecided": True}, "undecided: 'warn' or 'fail' expected"),
        ({"head": 3}, "head: a path expected"),
    ],
)
def test_what_cannot_be_compared_names_the_argument(measured, arguments, message):
    with pytest.raises(qbench.ConfigError, match=message):
        qbench.compare(**{"base": measured, "head": measured, **arguments})


def test_a_stored_run_is_read_as_it_was_measured(measured):
    folder = measured.folder.parent
    latest = qbench.load(results=folder)
    for same in (latest, qbench.load("latest", results=folder), qbench.load(measured.folder)):
        assert same.rows == measured.rows
        assert same.conclusions == measured.conclusions
    twice = qbench.load(measured.id, measured.folder, results=folder)  # which makes nothing surer
    assert twice.rows == measured.rows
    assert qbench.load(measured.id[:-1], results=folder).rows == measured.rows
    with pytest.raises(qbench.ResultsError, match="no run 'other'"):
        qbench.load("other", results=folder)


def test_stored_runs_are_listed_and_one_that_is_damaged_is_warned_of(measured, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(measured.folder, folder / measured.id)
    (listed,) = runs = qbench.runs(results=folder)
    assert (listed.run_id, listed.models, listed.devices) == (measured.id, ("pair",), ("cpu", "mine"))
    assert listed.tags == {"board": "none"}
    frame = runs.to_frame()
    assert frame.run_id.tolist() == [measured.id] and frame["tags.board"].tolist() == ["none"]
    for wanted in ({"device": "mine"}, {"tags": {"board": None}}, {"since": listed.started_at[:10]}):
        assert qbench.runs(results=folder, **wanted) == runs
    for unwanted in ({"model": "other"}, {"tags": {"board": "pi4"}}, {"until": "2020-01-01"}):
        assert len(qbench.runs(results=folder, **unwanted).to_frame()) == 0
    (folder / "damaged").mkdir()
    (folder / "damaged" / "run.json").write_text("{}")
    with pytest.warns(UserWarning, match="^damaged is passed over: "):
        assert qbench.runs(results=folder) == runs


@pytest.mark.parametrize("tags", ["board", {"board": 1}, {"a=b": "c"}, {"": "c"}, {1: "c"}])
def test_tags_that_can_not_be(tags):
    with pytest.raises(qbench.ConfigError, match="tag"):
        qbench.run(tags=tags)


@pytest.mark.slow
def test_variants_of_a_keras_model_are_made_calibrated_on_an_array(monkeypatch):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="tiny")
    x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    (made,) = qbench.quantize(model, variants=["float32", "int8"], calibration=x, out="variants")
    assert [one.variant.scheme for one in made.variants] == ["float32", "int8"]
    assert made.variants[1].variant.calibration.generated is False
    assert sorted(path.name for path in Path("variants").glob("*.tflite")) == [
        "tiny_float32.tflite",
        "tiny_int8.tflite",
    ]


def test_what_is_in_a_file_and_what_delegates_make_of_it(tmp_path):
    path = pair(tmp_path) / "a.tflite"
    found = qbench.inspect(path, devices=["xnnpack"])
    assert [op.name for op in found.model.ops] == ["FULLY_CONNECTED"]
    report = qbench.compat(path, devices=["xnnpack"])
    assert [cell.predicted.outcome for cell in report.cells] == ["all"]


def test_devices_are_listed_and_probed():
    listing = qbench.devices()
    assert [device.name for device in listing.devices] == ["cpu", "xnnpack", "gpu", "coral"]
    (probed,) = qbench.devices("cpu", probe=True).devices
    assert probed.found.error is None
    with pytest.raises(qbench.ConfigError, match='no device "cup"; did you mean "cpu"'):
        qbench.devices("cup")


def test_a_profile_made_in_python_is_checked_as_one_of_devices_toml():
    made = qbench.device("pi4", place="ssh", host="pi4", delegates=("cpu", "xnnpack"), threads=[1, 4])
    assert (made.place, made.ssh.host, made.threads) == ("ssh", "pi4", (1, 4))
    with pytest.raises(qbench.ConfigError, match=r'\[devices.x\] key "delegats": unknown key'):
        qbench.device("x", delegats=["cpu"])
    with pytest.raises(qbench.ConfigError, match="xnpack"):
        qbench.device("x", delegates=["xnpack"])


def test_errors_are_those_of_the_tree(tmp_path):
    with pytest.raises(qbench.ModelError, match=r"nowhere\.tflite"):
        qbench.run(tmp_path / "nowhere.tflite")
    with pytest.raises(qbench.ConfigError, match="nothing"):
        qbench.run(pair(tmp_path), devices=["nothing"])


def test_numbers_of_numpy_are_numbers(tmp_path):
    found = qbench.run(pair(tmp_path), devices="cpu", threads=np.array([1]), budget_s=BUDGET_S)
    assert {row.threads for row in found.rows} == {1}


def test_importing_qbench_imports_nothing_heavy():
    code = (
        "import sys, qbench\n"
        "print([name for name in ('numpy', 'pandas', 'rich', 'typer', 'tensorflow') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(qbench.__file__).parents[1])},
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"precision": 2}, "precision: a number from 0 to 1 expected, found 2"),
        ({"precision": "1%"}, "precision: a number from 0 to 1 expected, found '1%'"),
        ({"precision": float("nan")}, "precision: a number from 0 to 1 expected, found nan"),
        ({"budget_s": 0}, "budget_s: a number from 0.01 to 86400 expected, found 0"),
        ({"threads": [0]}, "threads: a whole number from 1 to 1024 expected, found 0"),
        ({"threads": ["2"]}, "threads: whole numbers expected, found '2'"),
        ({"progress": 3}, "progress: True, False or a Watcher expected, found 3"),
        ({"batch": 1.5}, "batch: a whole number from 1 upwards expected, found 1.5"),
        ({"wait_s": -1}, "wait_s: a number from 0 upwards expected, found -1"),
        ({"baseline": 3}, "baseline: VARIANT[/DELEGATE][@DEVICE] expected, found 3"),
        ({"devices": [3]}, "devices: names, or profiles of qbench.device expected, found 3"),
        ({"devices": None}, "devices: names, or profiles of qbench.device expected, found None"),
        ({"variants": [None]}, "variants: names expected, found None"),
        ({"results": None}, "results: a path expected, found None"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_before_anything_is_done(tmp_path, wrong, message):
    with pytest.raises(qbench.ConfigError) as raised:
        qbench.run(pair(tmp_path), **wrong)
    assert str(raised.value) == message
    assert not (tmp_path / "results").exists()


def test_none_is_no_model_and_no_version():
    with pytest.raises(qbench.ModelError, match="not a model"):
        qbench.run(None)
    with pytest.raises(qbench.ConfigError, match=r"^model: at least one expected$"):
        qbench.run([])
    with pytest.raises(qbench.ConfigError, match=r"^for_runtime: two numbers expected"):
        qbench.quantize("digits", for_runtime="2.14")
    with pytest.raises(qbench.ConfigError, match=r"^load: a path expected, found None$"):
        qbench.load(None)


def test_one_name_is_as_good_as_a_list_of_one(tmp_path):
    found = qbench.run(
        pair(tmp_path), devices="cpu", variants="a", delegates="cpu", threads=1, budget_s=BUDGET_S
    )
    assert [(row.variant, row.delegate, row.device) for row in found.rows] == [("a", "cpu", "cpu")]


def test_a_run_may_be_made_in_any_thread(tmp_path):
    model = pair(tmp_path) / "a.tflite"
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(qbench.run, model, devices="cpu", budget_s=BUDGET_S).result()
    assert [row.status for row in made.rows] == ["ok"]


def test_two_sides(tmp_path):
    models = {name: dense_model(seed=1, inputs=128, outputs=n) for name, n in (("new", 512), ("old", 128))}
    run = qbench.run(models["new"], against=models["old"], devices="cpu", budget_s=BUDGET_S)
    found = run.sides(fail_over=0.05)
    assert isinstance(found, qbench.Comparison) and found.failed
    assert found["float32", "cpu"].verdict == "slower"
    head, base = run["float32", "cpu"], run.base["float32", "cpu"]
    assert head is run.rows[0] and head.size_bytes > base.size_bytes
    assert run[f"{head.id.removesuffix('head')}base"] is run.rows[1]
    assert list(run.to_frame().side) == ["head", "base"]
    assert set(run.samples().side) == {"head", "base"}
    assert list(run.samples()) == list(pd.read_csv(run.folder / "samples.csv.gz"))
    assert "side" not in run.base.samples()
    again = qbench.load()
    assert again.sides(fail_over=0.05).to_dict() == found.to_dict()
    with pytest.raises(qbench.ResultsError, match="measured without"):
        run.base.sides()
    with pytest.raises(qbench.ResultsError, match="has no BASE side"):
        _ = run.base.base


def test_a_history_has_courses_and_a_frame(measured):
    results = measured.folder.parent
    found = qbench.history(results=results, variant="a", figure="speedup")
    assert [(course.variant, course.device) for course in found.cells] == [("a", "cpu"), ("a", "mine")]
    course = found["a", "xnnpack"]
    assert [point.run_id for point in course.points] == [measured.id]
    row = measured["a", "xnnpack"]
    assert (course.points[0].value, course.points[0].status) == (row.speedup.value, row.status)
    assert course.note == "1 run is too few to find a step; 8 needed" and course.steps == ()
    frame = found.to_frame()
    assert list(frame.device) == ["cpu", "mine"] and set(frame["tags.board"]) == {"none"}
    assert frame.floor_ms[1] == row.floor_ms
    assert found.to_dict()["figure"] == "speedup"
    assert "speedup over the baseline over 1 run" in repr(found)
    with pytest.raises(qbench.ResultsError, match="no cell that is asked for in the newest 1 of 1 runs"):
        qbench.history(results=results, variant="c")
    with pytest.raises(qbench.ConfigError, match="figure: 'latency' or"):
        qbench.history(results=results, figure="weight")
