"""`pytest --qbench-against BASE`: every test with a cell is an A/B gate."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.plugin.conftest import DENSE, NET

LARGE = DENSE.replace("dense", "large")
SLOW = """
@pytest.mark.qbench(model="models/slow.tflite", device="cpu")
def test_slow(qbench_cell):
    assert qbench_cell.size_bytes > 0
"""


@pytest.fixture
def changed(project, nets):
    """A repository in which dense.tflite has become far slower since the only commit, and large has not."""
    large = (nets / "resnet.tflite").read_bytes()
    (project.path / "models" / "large.tflite").write_bytes(large)
    (project.path / "models" / "slow.tflite").write_bytes((nets / "slow.tflite").read_bytes())
    (project.path / "models" / "dense.tflite").write_bytes((nets / "resnet_int8.tflite").read_bytes())
    git = ["git", "-C", str(project.path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q", "-b", "main"], ["add", "models"], ["commit", "-q", "-m", "models"]):
        subprocess.run([*git, *command], check=True)
    (project.path / "models" / "dense.tflite").write_bytes((nets / "slow.tflite").read_bytes())
    return project


@pytest.mark.alone
def test_a_test_fails_if_its_cell_became_slower(changed):
    """Whatever its body says; the other one is within a generous limit."""
    changed.write(DENSE + LARGE)
    done = changed.run(
        "--qbench-against=main",
        "--qbench-fail-over=300%",
        "--benchmark-json=times.json",
        quick=["--qbench-budget=0.5"],
    )
    done.assert_outcomes(failed=1, passed=1)
    done.stdout.fnmatch_lines(["dense */cpu@cpu against main: time +*%*, over 300%"])
    slower, same = json.loads((changed.path / "times.json").read_text())["benchmarks"]
    assert slower["extra_info"]["against"]["verdict"] == "slower"
    assert slower["extra_info"]["against"]["ratio"]["high"] < 1
    assert same["extra_info"]["against"]["ratio"]["low"] < 1.5


@pytest.mark.parametrize(
    ("options", "outcome"),
    [((), {"failed": 1}), (("--qbench-undecided", "skip"), {"skipped": 1})],
)
def test_what_can_not_be_told_apart_is_undecided(changed, options, outcome):
    """There is one launch of either side, which has no interval."""
    changed.write(SLOW)
    done = changed.run("--qbench-against=main", "-rsf", *options, quick=["--qbench-budget=0.01"])
    done.assert_outcomes(**outcome)
    done.stdout.fnmatch_lines(
        ["*slow float32/cpu@cpu against main: time *, against a limit of 5%*; measure longer"]
    )


def test_a_base_that_is_not_there(changed):
    changed.write(LARGE)
    done = changed.run("--qbench-against=mian")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["--against mian: neither a path nor a git revision; *"])


def test_other_tests_run_if_a_model_is_new(changed):
    """The new model's test says so."""
    (changed.path / "models" / "new.tflite").write_bytes((changed.path / "models/large.tflite").read_bytes())
    changed.write(LARGE + DENSE.replace("dense", "new"))
    done = changed.run("--qbench-against=main", "--qbench-fail-over=900%")
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*models/new.tflite*main*"])


def test_a_cell_that_the_base_could_not_measure_is_warned_of(changed):
    """Here BASE's model has an op that no runtime knows, so nothing could get worse."""
    base = changed.path / "base" / "models"
    base.mkdir(parents=True)
    (base / "large.tflite").write_bytes((changed.path / "models" / "custom.tflite").read_bytes())
    changed.write(LARGE)
    done = changed.run("--qbench-against=base")
    done.assert_outcomes(passed=1, warnings=1)
    done.stdout.fnmatch_lines(["*PytestWarning: large float32/cpu@cpu was not compared with base: *"])


def test_a_variant_that_only_the_base_has_is_named(changed):
    net = changed.path / "base" / "models" / "net"
    net.mkdir(parents=True)
    for name in ("float32", "old"):
        (net / f"{name}.tflite").write_bytes(
            (changed.path / "models" / "net" / "float32.tflite").read_bytes()
        )
    changed.write(NET.replace('"int8"', '"old"'))
    done = changed.run("--qbench-against=base")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(['*models/net has no variant "old", only float32, int8'])


def test_relative_paths_start_in_rootdir_wherever_pytest_is_started(changed, monkeypatch):
    (changed.path / "base").mkdir()
    (changed.path / "base" / "models").symlink_to(changed.path / "models")
    (changed.path / "pytest.ini").write_text("[pytest]\nqbench_against = base\n")
    changed.write(LARGE)
    monkeypatch.chdir(changed.path / "models")
    changed.run("--qbench-fail-over=900%", "..").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--qbench-fail-over=5%"], "add --qbench-against*"),
        (["--qbench-fail-over=inf", "--qbench-against=main"], "a percentage expected*"),
        (["--qbench-fail-over=-5", "--qbench-against=main"], "a percentage expected*"),
    ],
)
def test_a_gate_that_could_not_fail_is_a_usage_error(project, options, complaint):
    project.write(LARGE)
    done = project.run(*options)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"ERROR: --qbench-fail-over *: {complaint}"])
