"""With pytest-xdist, one process measures for all."""

from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import DENSE, NET, UNDECIDED

PARAMETER = """
class Odd:
    pass

@pytest.mark.parametrize("odd", [Odd()], ids=["odd"])
@pytest.mark.qbench(model="models/dense.tflite", device="cpu")
def test_odd(qbench_cell, odd): ...
"""


@pytest.mark.parametrize("distribution", ["load", "loadscope"])
def test_one_worker_measures_and_all_tests_are_in_one_table(project, distribution):
    project.write(NET + DENSE + PARAMETER, test_other=f"import pytest\n{DENSE}")
    done = project.run("-n2", "--dist", distribution, "--benchmark-json=times.json", "--benchmark-save=one")
    done.assert_outcomes(passed=4)
    (run,) = project.runs()
    assert len(json.loads((run / "run.json").read_text())["cells"]) == 3
    found = json.loads((project.path / "times.json").read_text())["benchmarks"]
    assert sorted(one["fullname"] for one in found) == [
        "test_it.py::test_dense",
        "test_it.py::test_net",
        "test_it.py::test_odd[odd]",
        "test_other.py::test_dense",
    ]
    assert {one["extra_info"]["run_id"] for one in found} == {run.name}
    done.stdout.fnmatch_lines(["*benchmark: 4 tests*"])
    assert len([*project.path.glob(".benchmarks/*/*_one.json")]) == 1
    assert "automatically disabled" not in done.stdout.str() + done.stderr.str()


def test_workers_agree_on_what_could_not_be_measured(project):
    project.write(UNDECIDED + DENSE.replace("models/dense", "models/dence") + NET.replace("int8", "int4"))
    done = project.run("-n2", "--qbench-undecided=skip")
    done.assert_outcomes(skipped=1, errors=2)
    done.stdout.fnmatch_lines(["models/dence.tflite: no such file*"])
    done.stdout.fnmatch_lines(['*/models/net has no variant "int4", only float32, int8'])


def test_a_wrong_marker_fails_its_test(project):
    """Workers can't end the session with a message."""
    project.write(DENSE + DENSE.replace("device=", "devise=").replace("test_dense", "test_wrong"))
    done = project.run("-n2")
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(['devise: no such argument; did you mean "device"?'])


def test_times_that_the_benchmark_fixture_takes_are_still_disabled(project):
    """pytest-benchmark's own warning is left as it is, if it concerns a test."""
    project.write(DENSE + "\ndef test_timed_here(benchmark):\n    benchmark(int)\n")
    done = project.run("-n2")
    done.assert_outcomes(passed=2)
    assert "automatically disabled" in done.stdout.str() + done.stderr.str()
