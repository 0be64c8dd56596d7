"""Measured cells in tests: what is measured, what a test sees of it, and what it is told when that fails."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.models import free_model
from tests.plugin.conftest import DENSE, NET, UNDECIDED


@pytest.mark.smoke
def test_the_cells_of_all_tests_are_measured_together_before_the_first_one(project):
    """One run for two models and two devices, with nothing in it that no test asks for."""
    project.write(
        """
def test_first():
    from pathlib import Path
    assert len([*Path("results").glob("2*")]) == 1
"""
        + NET
        + DENSE
    )
    done = project.run()
    done.assert_outcomes(passed=3)
    (folder,) = project.runs()
    document = json.loads((folder / "run.json").read_text())
    assert [(c["model"], c["variant"], c["delegate"], c["device"]) for c in document["cells"]] == [
        ("net", "float32", "xnnpack", "xnnpack"),
        ("net", "int8", "xnnpack", "xnnpack"),
        ("dense", "float32", "cpu", "cpu"),
    ]
    assert document["tags"] == {"source": "pytest"}
    assert document["budget_s"] == 0.2
    done.stdout.fnmatch_lines(["*benchmark: 2 tests*", "*Name*Median*", "test_dense*", "test_net*"])
    assert "Warning" not in done.stdout.str()


def test_a_failure_shows_the_interval_and_where_the_run_is(project):
    project.write(NET.replace("> 0.01", "> 1e6"))
    done = project.run()
    done.assert_outcomes(failed=1)
    done.stdout.re_match_lines(
        [
            r"E +\w*Error: assert [\d.]+ \([\d.]+ to [\d.]+\) > 1000000.0",
            r".*measured by qbench.*",
            r"net int8/xnnpack@xnnpack",
            r"  latency [\d.]+ \([\d.]+ to [\d.]+\) ms",
            r"  speedup over float32/xnnpack@xnnpack [\d.]+ \([\d.]+ to [\d.]+\)",
            r"  14 of 16 ops delegated",
            rf"  stored in {project.runs()[0]}",
        ],
        consecutive=False,
    )


def test_only_tests_that_will_run_are_measured(project):
    """Not those deselected or skipped; and nothing to look at what there is."""
    project.write(
        NET
        + DENSE
        + """
@pytest.mark.skip
@pytest.mark.qbench(model="models/net", variant="float32", device="cpu")
def test_skipped(qbench_cell): ...

@pytest.mark.skipif(True, reason="not here")
@pytest.mark.qbench(model="models/net", variant="float32", device="cpu")
def test_not_here(qbench_cell): ...
"""
    )
    assert project.run("--collect-only").ret == 0
    assert project.run("--setup-plan").ret == 0
    assert project.runs() == []
    project.run("-k", "not test_net").assert_outcomes(passed=1, skipped=2, deselected=1)
    (folder,) = project.runs()
    assert [cell["model"] for cell in json.loads((folder / "run.json").read_text())["cells"]] == ["dense"]


def test_markers_are_merged_and_parameters_fill_them_in(project):
    """The closest marker counts, from module to parameter; a parameter named like an argument is it."""
    project.write(
        """
pytestmark = pytest.mark.qbench(model="models/net", device="cpu", baseline="float32")

@pytest.mark.qbench(device="xnnpack")
class TestNet:
    @pytest.mark.parametrize("variant", ["float32", "int8"])
    def test_variants(self, qbench_cell, variant):
        assert qbench_cell.row.variant == variant
        assert (qbench_cell.row.device, qbench_cell.row.delegate) == ("xnnpack", "xnnpack")
        assert qbench_cell.size_ratio == 1 or variant == "int8"

@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.qbench(variant="int8"))])
def test_marked_parameter(qbench_cell, n):
    assert str(qbench_cell.name) == "int8/cpu@cpu"
    assert qbench_cell.speedup > 0.001 and qbench_cell.speedup_over("float32", device="cpu") > 0.001
"""
    )
    project.run().assert_outcomes(passed=3)
    assert len(project.runs()) == 1


def test_a_test_can_measure_while_it_runs(project):
    """Arguments left out are those of the marker; further cells have a line of their own in the table."""
    project.write(
        """
@pytest.mark.qbench(model="models/net", device="cpu")
def test_now(qbench, request):
    small, large = qbench(variant="int8"), qbench(variant="float32")
    assert small.size_bytes < large.size_bytes
    assert small.status == "ok" and small.peak_memory_bytes > 0 and small.fidelity.reference == "int8/cpu@cpu"
    assert request.getfixturevalue("benchmark").stats.stats.rounds > 0
    with pytest.raises(LookupError, match='float32/cpu@cpu of net was not asked for: add baseline='):
        small.speedup_over("float32")
    with pytest.raises(Exception, match="no marker names a baseline"):
        small.size_ratio
"""
    )
    done = project.run()
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["*benchmark: 2 tests*"])
    done.stdout.re_match_lines(["test_now +[0-9]", "test_now net float32/cpu@cpu +[0-9]"], consecutive=False)
    assert len(project.runs()) == 2


@pytest.mark.parametrize(
    ("options", "outcome"),
    [((), {"failed": 1}), (("--qbench-undecided", "skip"), {"skipped": 1})],
)
def test_an_undecided_comparison_is_no_coin_toss(project, options, outcome):
    project.write(UNDECIDED)
    done = project.run("-rsf", *options)
    done.assert_outcomes(**outcome)
    done.stdout.re_match_lines(
        [r".*latency is [\d.e-]+ \([\d.e-]+ to [\d.e-]+\) ms: can't tell whether it is below"]
    )


@pytest.mark.parametrize(
    ("options", "outcome"),
    [((), {"skipped": 1, "passed": 1}), (("--qbench-unavailable", "fail"), {"errors": 1, "passed": 1})],
)
def test_hardware_that_is_not_there(project, options, outcome):
    """The other tests are measured."""
    (project.path / "devices.toml").write_text(
        '[devices.cpu]\ndelegates = ["cpu"]\n[devices.dsp]\n'
        'delegates = [{ name = "external", library = "/nowhere/libdsp.so" }]\n'
    )
    project.write(DENSE + DENSE.replace("test_dense", "test_dsp").replace('"cpu"', '"dsp"'))
    done = project.run("-rsE", *options)
    done.assert_outcomes(**outcome)
    done.stdout.re_match_lines([r".*dense float32/external@dsp was not measured: unavailable: "])


def test_what_broke_or_is_missing_fails_its_own_tests_only(project):
    project.write(
        DENSE
        + DENSE.replace("test_dense", "test_custom").replace("dense", "custom")
        + DENSE.replace("test_dense", "test_missing").replace("models/dense", "models/dence")
        + NET.replace("int8", "int4")
        + NET.replace("test_net", "test_net_16").replace('"float32"', '"float16"')
    )
    done = project.run()
    done.assert_outcomes(passed=1, errors=4)
    done.stdout.fnmatch_lines(
        [
            "custom float32/cpu@cpu was not measured: refused: *",
            "models/dence.tflite: no such file or folder; did you mean dense.tflite?; relative paths *",
            '*/models/net has no variant "int4", only float32, int8',
            '*/models/net has no variant "float16", only float32, int8',
        ]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", 'model: missing; for example @pytest.mark.qbench(model="models/kws.tflite")'),
        ('model="models/net", device="cpu"', "variant: models/net may have several; give one, such as*"),
        ('model="models/dense.tflite", devise="cpu"', 'devise: no such argument; did you mean "device"?'),
        (
            '"models/dense.tflite"',
            "the marker takes named arguments only, such as model='models/dense.tflite'",
        ),
        ('model="models/dense.tflite", device="cpi"', '*devices.toml: no device "cpi"; did you mean "cpu"?'),
        (
            'model="models/dense.tflite", device="cpu", baseline="float32/xnnpack"',
            "baseline float32/xnnpack: *",
        ),
        (
            'model="models/dense.tflite", device="both"',
            "2 cells are named: its variant/cpu@both, 1 threads; its variant/xnnpack@both, 1 threads;"
            " a test has one: give delegate",
        ),
        (
            'model="models/dense.tflite", device="cpu", delegate="gpu"',
            "delegate: nothing offers gpu; there are cpu@cpu",
        ),
        ('model="digits", variant="int9", device="cpu"', 'no variant "int9"; did you mean "int8"?'),
        (
            'model="models/dense.tflite", device="cpu", threads=0',
            "threads: a whole number from 1 to 1024 expected*",
        ),
    ],
)
def test_a_wrong_marker_is_a_usage_error(project, arguments, message):
    """It is said when tests are collected, in a line that names the test, and nothing is measured."""
    (project.path / "devices.toml").write_text(
        '[devices.cpu]\ndelegates = ["cpu"]\n[devices.both]\ndelegates = ["cpu", "xnnpack"]\n'
    )
    project.write(f"@pytest.mark.qbench({arguments})\ndef test_wrong(qbench_cell): ...\n")
    done = project.run()
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"ERROR: test_it.py::test_wrong: {message.replace('[', '[[]')}"])
    assert "Traceback" not in done.stdout.str() + done.stderr.str()


def test_devices_made_in_python(project):
    """They are measured in the same run as those of devices.toml; two of one name are not mixed up."""
    project.write(
        DENSE
        + """
import qbench
MINE = qbench.device("mine", delegates=["xnnpack"])
OTHER = qbench.device("mine", delegates=["cpu"])

@pytest.mark.qbench(model="models/dense.tflite", device=MINE)
def test_mine(qbench_cell):
    assert str(qbench_cell.name) == "float32/xnnpack@mine"

@pytest.mark.qbench(model="models/dense.tflite", device=OTHER)
def test_other(qbench_cell): ...
"""
    )
    done = project.run()
    done.stderr.fnmatch_lines(["ERROR: test_it.py::test_other: device mine: another profile has this name*"])
    project.run("-k", "not other").assert_outcomes(passed=2, deselected=1)
    assert len(project.runs()) == 1


def test_settings_from_the_configuration_file(project):
    (project.path / "pytest.ini").write_text(
        "[pytest]\nqbench_results = kept\nqbench_budget = 0.2\nqbench_precision = 50%\n"
        "qbench_devices_file = lab.toml\nqbench_undecided = skip\n"
    )
    (project.path / "lab.toml").write_text('[devices.mine]\ndelegates = ["cpu"]\n')
    project.write((DENSE + UNDECIDED).replace('device="cpu"', 'device="mine"'))
    project.run(quick=()).assert_outcomes(passed=1, skipped=1)
    (folder,) = project.path.glob("kept/2*")
    document = json.loads((folder / "run.json").read_text())
    assert document["precision"] == 0.5
    assert document["cells"][0]["device"] == "mine"
    assert project.run("--qbench-precision", "1", "--qbench-results", "other", "-k", "dense").ret == 0
    (folder,) = project.path.glob("other/2*")
    assert json.loads((folder / "run.json").read_text())["precision"] == 0.01


@pytest.mark.parametrize(
    "option",
    ["--qbench-undecided=toss", "--qbench-unavailable=x", "--qbench-budget=x", "--qbench-precision=x"],
)
def test_a_wrong_option_is_a_usage_error(project, option):
    project.write(DENSE)
    done = project.run(option)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"ERROR: {option.replace('=', ' ')}: * expected*"])


def test_only_the_variants_that_tests_name_are_made(project):
    """Of a float model, those; ready files beside it stay as they are."""
    project.write(
        DENSE
        + """
@pytest.mark.qbench(model="nets:build", variant="dynamic", device="cpu", baseline="float32")
def test_built(qbench_cell):
    assert qbench_cell.size_ratio > 2
    assert qbench_cell.fidelity.sqnr_db > 20
""",
        nets="""
import keras

def build():
    return keras.Sequential([keras.Input((256,)), keras.layers.Dense(64, use_bias=False)])
""",
    )
    project.run().assert_outcomes(passed=2)
    (folder,) = project.runs()
    document = json.loads((folder / "run.json").read_text())
    assert [(variant["model"], variant["variant"]) for variant in document["variants"]] == [
        ("dense", "float32"),
        ("build", "float32"),
        ("build", "dynamic"),
    ]


INPUTS = """
@pytest.mark.qbench(model="models/free.tflite", device="cpu", shape={"x": (1, 1, 4)}, dataset="data.npz")
def test_free(qbench_cell):
    assert qbench_cell.row.shape == "x=1x1x4"
    accuracy = qbench_cell.accuracy
    assert accuracy.metric == "top1" and accuracy.samples == 30 and accuracy.low < accuracy.value + 1e-9

@pytest.mark.qbench(model="models/free.tflite", device="cpu", shape="x=1x2x4")
def test_unlabelled(qbench_cell):
    assert qbench_cell.row.shape == "x=1x2x4"
    assert qbench_cell.accuracy.value > 0
"""


def test_shapes_and_accuracy(project):
    (project.path / "models" / "free.tflite").write_bytes(free_model())
    inputs = np.random.default_rng(0).normal(size=(30, 1, 4)).astype(np.float32)
    np.savez(project.path / "data.npz", x=inputs, labels=np.arange(30) % 3)
    project.write(INPUTS)
    done = project.run()
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*the accuracy of free x=1x2x4 *@cpu was not measured: no labels in dataset"])
    assert len(project.runs()) == 2
