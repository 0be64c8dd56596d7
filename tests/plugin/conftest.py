"""A project with tests that measure, run by pytest as its user does: from the command line."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.models import dense_model

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--qbench-budget=0.2", "--qbench-precision=100%")  # hardly more than the fewest launches


@pytest.fixture
def project(pytester, cache, nets, monkeypatch, tmp_path_factory) -> Project:
    """An empty project with models, in which the plugin is installed."""
    installed = tmp_path_factory.mktemp("installed")
    install(installed)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(installed), *sys.path[1:]]))
    monkeypatch.setenv("QBENCH_CACHE", str(cache))
    for name in ("NO_COLOR", "COLUMNS", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    models = pytester.mkdir("models")
    (models / "net").mkdir()
    for variant, file in (("float32", "resnet"), ("int8", "resnet_int8")):
        (models / "net" / f"{variant}.tflite").write_bytes((nets / f"{file}.tflite").read_bytes())
    (models / "dense.tflite").write_bytes(dense_model(seed=1))
    (models / "custom.tflite").write_bytes((nets / "custom.tflite").read_bytes())
    return Project(pytester)


def install(folder: Path) -> None:
    """Declare the plugin as the wheel does, with the entry point that pyproject.toml has."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    about = folder / "qbench_from_checkout-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: qbench-from-checkout\nVersion: 0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (about / "entry_points.txt").write_text(f"[pytest11]\n{lines}")


class Project:
    """A folder with tests; `run` is pytest in a process of its own."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.path, self._pytester = pytester.path, pytester

    def write(self, test: str, **files: str) -> None:
        self._pytester.makepyfile(test_it=f"import pytest\n\n{test}", **files)

    def run(self, *options: str, quick: Sequence[str] = QUICK) -> pytest.RunResult:
        return self._pytester.runpytest_subprocess("-pno:cacheprovider", *quick, *options, timeout=300)

    def runs(self) -> list[Path]:
        return sorted(self.path.glob("results/2*"))


# A test that a project has, as in docs/pytest.md.
NET = """
@pytest.mark.qbench(model="models/net", variant="int8", device="xnnpack", baseline="float32")
def test_net(qbench_cell):
    assert qbench_cell.speedup_over("float32") > 0.01
    assert qbench_cell.size_ratio > 3 and qbench_cell.ops.delegated == 14
"""

DENSE = """
@pytest.mark.qbench(model="models/dense.tflite", device="cpu")
def test_dense(qbench_cell):
    assert qbench_cell.latency_ms < 1000
"""

UNDECIDED = """
@pytest.mark.qbench(model="models/dense.tflite", device="cpu")
def test_undecided(qbench_cell):
    assert qbench_cell.latency_ms < float(qbench_cell.latency_ms)
"""
