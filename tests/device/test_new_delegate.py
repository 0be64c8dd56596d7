"""A new delegate is one file at home and one on the device: added here to a copy of both packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ops import Op, Tensor, build

ROOT = Path(__file__).resolve().parents[2]

ON_THE_DEVICE = '''
"""toy: the runtime's own kernels; those for ABS it calls its own."""

from __future__ import annotations

from ..wire import Ops
from .base import Delegate, ops_of_nodes
from .cpu import DELEGATE as CPU


def _ops(interpreter):
    ops = ops_of_nodes(interpreter)
    left = [group for group in ops.not_delegated if group.op != "ABS"]
    return Ops(ops.total, ops.total - sum(group.count for group in left), 1, left)


DELEGATE = Delegate("toy", CPU.open, on_cpu=True, ops=_ops, facts=lambda options, log: dict(options))
'''

AT_HOME = '''
"""toy: a delegate that runs ABS, and nothing else."""

from __future__ import annotations

from harness.accelerators.base import Accelerator
from harness.accelerators.prediction import OpVerdict, Prediction, Verdict
from harness.config.checks import one_of


def _rules(model, runtime, options):
    mine = OpVerdict(Verdict.DELEGATED, source="the toy's box")
    not_mine = OpVerdict(Verdict.NOT_DELEGATED, "toys run ABS only", "the toy's box", "use ABS")
    ops = tuple(mine if op.name == "ABS" else not_mine for op in model.ops)
    return Prediction("toy", "toy 1.0", ops, partitions=1)


ACCELERATOR = Accelerator(
    "toy", "the toy", options={"colour": one_of(("red", "blue"))}, rules=_rules, on_cpu=True
)
'''

PROFILE = '[devices.toybox]\nruntime = "ai-edge-litert"\n'


@pytest.fixture
def qbench(tmp_path, tmp_path_factory):
    """The command out of a copy of the packages with the two files of the toy, and nothing else, added."""
    packages = tmp_path_factory.mktemp("packages")
    for name in ("harness", "delegates"):
        shutil.copytree(ROOT / name, packages / name, ignore=shutil.ignore_patterns("__pycache__"))
    (packages / "delegates" / "backends" / "toy.py").write_text(ON_THE_DEVICE)
    (packages / "harness" / "accelerators" / "toy.py").write_text(AT_HOME)
    (tmp_path / "devices.toml").write_text(PROFILE + 'delegates = [{ name = "toy", colour = "red" }]\n')
    x = Tensor("float32", [1, 4])
    ops = [Op("ABS", ["x"], ["y"]), Op("FLOOR", ["y"], ["z"])]
    (tmp_path / "model.tflite").write_bytes(build({"x": x, "y": x, "z": x}, ops, ["x"], ["z"]))
    env = {**os.environ, "PYTHONPATH": str(packages), "QBENCH_CACHE": str(tmp_path / "cache")}

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", "from harness.cli import main; main()", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=120
        )

    return run


def test_it_is_predicted_measured_and_compared(qbench):
    inspected = qbench("inspect", "model.tflite", "--device", "toybox", "--json", "-")
    (prediction,) = json.loads(inspected.stdout)["predictions"]
    assert (prediction["target"], prediction["outcome"]) == ("toy 1.0", "partly")
    assert [op["verdict"] for op in prediction["ops"]] == ["taken", "not taken"]

    asked = ("--model", "model.tflite", "--device", "toybox", "--json", "-")
    done = qbench("run", *asked, "--budget", "0.02")
    assert done.returncode == 0, done.stderr
    (cell,) = json.loads(done.stdout)["cells"]
    assert (cell["delegate"], cell["status"]) == ("toy", "partial")
    assert cell["reason"] == "The toy took 1 of 2 ops: toys run ABS only (1 FLOOR)"
    assert cell["latency_ms"]["median"] > 0
    assert cell["delegate_facts"] == {"colour": "red"}

    (compared,) = json.loads(qbench("compat", *asked).stdout)["cells"]
    assert compared["observed"]["matches"] is True
    assert compared["in_the_way"][0]["remedy"] == "use ABS"


@pytest.mark.parametrize(
    ("delegate", "said"),
    [
        ('{ name = "toy", colour = "grey" }', 'option "colour": unknown value "grey"; known: red, blue'),
        ('{ name = "toy", color = "red" }', '"toy" has no option "color"; did you mean "colour"?'),
        ('"tyo"', 'unknown value "tyo"; did you mean "toy"?'),
    ],
)
def test_a_wrong_option_is_refused_with_file_table_and_key(qbench, tmp_path, delegate, said):
    (tmp_path / "devices.toml").write_text(f"{PROFILE}delegates = [{delegate}]\n")
    done = qbench("devices")
    assert done.returncode == 2
    assert done.stderr.strip().endswith(f'devices.toml: [devices.toybox] key "delegates": {said}')
