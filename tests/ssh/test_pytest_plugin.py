"""A cell of a test on a board."""

from __future__ import annotations

import json

from tests.plugin.conftest import project  # noqa: F401  (a fixture)


def test_a_test_measures_on_a_board_and_here_at_the_same_time(project, board):  # noqa: F811
    (project.path / "devices.toml").write_text('[devices.here]\ndelegates = ["cpu"]\n' + board.profile())
    project.write(
        """
@pytest.mark.parametrize("device", ["here", "board"])
@pytest.mark.qbench(model="models/net", variant="int8", baseline="float32")
def test_net(qbench_cell, device):
    assert qbench_cell.row.device == device
    assert qbench_cell.speedup_over("float32") > 0.001 and qbench_cell.size_ratio > 3
"""
    )
    done = project.run("--benchmark-json=times.json")
    done.assert_outcomes(passed=2)
    assert len(project.runs()) == 1
    found = json.loads((project.path / "times.json").read_text())["benchmarks"]
    assert [one["extra_info"]["device"] for one in found] == ["here", board.name]
    assert board.is_clean()


def test_a_board_that_is_off(project, boards):  # noqa: F811
    """Its test is skipped with the reason, or fails if that is asked for."""
    off = boards("off")
    off.stop()
    (project.path / "devices.toml").write_text(off.profile())
    project.write(
        """
@pytest.mark.qbench(model="models/dense.tflite", device="off")
def test_dense(qbench_cell): ...
"""
    )
    done = project.run("-rs")
    done.assert_outcomes(skipped=1)
    done.stdout.fnmatch_lines(["SKIPPED*off: *onnection refused*"])
    project.run("--qbench-unavailable=fail").assert_outcomes(errors=1)
