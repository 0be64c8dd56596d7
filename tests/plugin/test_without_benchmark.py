"""Projects that don't measure, and environments that can't."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

from tests.plugin.conftest import DENSE, ROOT, install

HEAVY = ("numpy", "pandas", "rich", "tensorflow", "harness.session", "harness.config", "qbench.testing")


def test_without_pytest_benchmark_the_plugin_is_silent(project):
    project.write("def test_plain(): ...")
    done = project.run("-pno:benchmark", "-Werror", quick=())
    done.assert_outcomes(passed=1)
    assert "qbench" not in done.stdout.str().replace("qbench-from-checkout", "").replace("qbench-tflite", "")
    assert done.stderr.str() == ""


def test_without_pytest_benchmark_the_fixtures_name_the_extra(project):
    project.write(DENSE + "\ndef test_now(qbench): ...\n")
    done = project.run("-pno:benchmark", "--strict-markers")
    done.assert_outcomes(errors=2)
    done.stdout.fnmatch_lines(["qbench needs pytest-benchmark: pip install 'qbench-tflite[[]pytest[]]'"])


@pytest.mark.smoke
def test_importing_the_plugin_imports_nothing_heavy():
    code = f"import sys, qbench.pytest_plugin\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.smoke
def test_the_entry_point_is_the_plugin(tmp_path):
    install(tmp_path)
    (found,) = importlib.metadata.Distribution.at(tmp_path / "qbench_from_checkout-0.dist-info").entry_points
    assert (found.group, found.name) == ("pytest11", "qbench")
    assert hasattr(found.load(), "pytest_addoption")


@pytest.mark.smoke
def test_help_lists_the_options_and_the_marker(project):
    text = project.run("--help", quick=()).stdout.str()
    for name in (
        "against",
        "budget",
        "devices-file",
        "fail-over",
        "precision",
        "results",
        "unavailable",
        "undecided",
    ):
        assert f"--qbench-{name}=" in text
        assert f"qbench_{name.replace('-', '_')} (string)" in text
    assert "@pytest.mark.qbench(model, variant, device" in project.run("--markers", quick=()).stdout.str()
