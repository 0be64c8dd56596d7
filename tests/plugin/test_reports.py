"""What pytest-benchmark's own options do with measured cells."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

from tests.plugin.conftest import DENSE, NET

PLAIN = "\ndef test_plain(): ...\n"
TIMED_HERE = "\ndef test_timed_here(benchmark):\n    benchmark(int)\n"


def test_json_holds_the_times_and_figures_of_a_cell(project):
    project.write(NET + "@pytest.mark.benchmark(group='small')" + DENSE.replace("):\n", ", benchmark):\n")
                  + "    benchmark.extra_info['mine'] = 1\n")  # fmt: skip
    done = project.run("--benchmark-json=times.json")
    done.assert_outcomes(passed=2)
    net, dense = json.loads((project.path / "times.json").read_text())["benchmarks"]
    (run,) = project.runs()
    row = json.loads((run / "run.json").read_text())["cells"][1]
    assert (net["name"], net["fullname"], net["group"]) == ("test_net", "test_it.py::test_net", None)
    assert net["options"] == {"budget_s": 0.2, "precision": 1.0}
    assert net["stats"]["median"] == pytest.approx(row["latency_ms"]["median"] / 1e3)
    assert net["stats"]["min"] == pytest.approx(row["latency_ms"]["min"] / 1e3)
    assert net["stats"]["rounds"] == len(net["stats"]["data"]) == row["latency_ms"]["count"]
    assert net["stats"]["iterations"] == 1
    info = net["extra_info"]
    for key in ("model", "variant", "device", "delegate", "threads", "status", "reason", "size_bytes"):
        assert info[key] == row[key]
    assert info["ops"] == {"total": 16, "delegated": 14}
    assert info["baseline"] == "float32/xnnpack@xnnpack"
    assert info["speedup"] == {key: row["speedup"][key] for key in ("value", "low", "high")}
    assert info["size_ratio"] == pytest.approx(row["size_ratio"])
    assert info["latency_ms"]["low"] <= info["latency_ms"]["value"] <= info["latency_ms"]["high"]
    assert info["floor_ms"]["value"] == pytest.approx(row["floor_ms"], rel=0.5)
    assert (info["run_id"], info["against"]) == (run.name, None)
    assert len(info["sha256"]) == 64
    assert (dense["group"], dense["extra_info"]["mine"], dense["extra_info"]["speedup"]) == ("small", 1, None)


def test_many_samples_are_thinned_out(project):
    project.write(DENSE)
    project.run("--benchmark-json=times.json", quick=["--qbench-budget=0.3"]).assert_outcomes(passed=1)
    (dense,) = json.loads((project.path / "times.json").read_text())["benchmarks"]
    assert 4000 <= dense["stats"]["rounds"] <= 8000 < dense["extra_info"]["inferences"]


def test_saved_times_are_compared_and_can_fail(project):
    project.write(DENSE)
    project.run("--benchmark-save=first").assert_outcomes(passed=1)
    (saved,) = project.path.glob(".benchmarks/*/0001_first.json")
    assert project.run("--benchmark-autosave").ret == 0
    assert len([*project.path.glob(".benchmarks/*/0002_*.json")]) == 1
    document = json.loads(saved.read_text())
    for factor, code in ((1e-4, 1), (1e4, 0)):  # as if it had been far faster, or slower
        times = document["benchmarks"][0]["stats"]
        times["median"] = factor * document["benchmarks"][0]["extra_info"]["latency_ms"]["value"] / 1e3
        saved.write_text(json.dumps(document))
        done = project.run("--benchmark-compare=0001", "--benchmark-compare-fail=median:50%")
        assert done.ret == code
        done.stderr.fnmatch_lines(["Comparing against benchmarks from:*0001_first.json"])
        assert "test_dense (0001_first)" in done.stdout.str()
        assert ("Performance has regressed" in done.stderr.str() + done.stdout.str()) == (code == 1)


def test_disabled_cells_run_once_and_have_no_times(project):
    """Sizes, ops and status are real; what needs times is skipped; no run is kept."""
    project.write(
        NET
        + """
@pytest.mark.qbench(model="models/net", variant="int8", device="xnnpack", baseline="float32")
def test_sizes(qbench_cell):
    assert qbench_cell.size_ratio > 3 and qbench_cell.ops.delegated == 14 and qbench_cell.status == "partial"
"""
    )
    done = project.run("--benchmark-disable", "-rs")
    done.assert_outcomes(passed=1, skipped=1)
    done.stdout.fnmatch_lines(["SKIPPED*test_it.py:*: times are not measured with --benchmark-disable"])
    assert project.runs() == []
    assert "benchmark: 1 tests" not in done.stdout.str()


def test_skip_and_only(project):
    project.write(DENSE + PLAIN)
    project.run("--benchmark-skip").assert_outcomes(passed=1, skipped=1)
    assert project.runs() == []
    done = project.run("--benchmark-only", "-rs")
    done.assert_outcomes(passed=1, skipped=1)
    done.stdout.fnmatch_lines(["*Skipping non-benchmark*"])


def test_table_options(project):
    """Columns, order, groups and names, beside a function that pytest-benchmark times itself."""
    project.write(NET + DENSE + TIMED_HERE)
    done = project.run(
        "--benchmark-columns=median,rounds", "--benchmark-sort=name", "--benchmark-name=long",
        "--benchmark-group-by=func",
    )  # fmt: skip
    done.assert_outcomes(passed=3)
    done.stdout.fnmatch_lines(
        [
            "*benchmark 'test_dense': 1 tests*",
            "Name (time in ns)*Median*Rounds*",
            "test_it.py::test_dense*",
            "*benchmark 'test_net': 1 tests*",
            "*benchmark 'test_timed_here': 1 tests*",
        ]
    )


def test_histogram(project):
    if find_spec("pygal") is None:  # imported here, it would change importlib.metadata for later tests
        pytest.skip("needs pygal")
    project.write(DENSE)
    project.run("--benchmark-histogram=drawn").assert_outcomes(passed=1)
    (drawn,) = project.path.glob("drawn*.svg")
    assert "test_dense" in drawn.read_text()
