"""Runs stored by version 0.1.0 (schema 1) are read and shown as that version showed them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
RUNS, SHOWN = FIXTURES / "runs", FIXTURES / "shown"
NAMES = sorted(folder.name for folder in RUNS.iterdir())
POOLED = json.loads((SHOWN / "pooled.json").read_text())


def show(*arguments: str, width: int = 80) -> str:
    """What `qbench show` prints on a stream that is no terminal."""
    done = CliRunner().invoke(
        app, ["show", *arguments, "--results", str(RUNS)], env={"COLUMNS": str(width)}, catch_exceptions=False
    )
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("name", NAMES)
def test_a_stored_run_is_shown_as_it_was(name, width):
    assert show(name, width=width) == (SHOWN / f"{name}.{width}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_run_is_its_own_json(name):
    shown, stored = json.loads(show(name, "--json", "-")), json.loads((RUNS / name / "run.json").read_text())
    assert of_the_same_keys(shown, stored) == stored


def of_the_same_keys(shown, stored):
    """What is shown without the keys that were not there when the run was stored."""
    if isinstance(shown, dict) and isinstance(stored, dict):
        return {key: of_the_same_keys(shown[key], stored[key]) for key in shown.keys() & stored.keys()}
    if isinstance(shown, list) and isinstance(stored, list) and len(shown) == len(stored):
        return [of_the_same_keys(one, other) for one, other in zip(shown, stored, strict=True)]
    return shown


# What version 0.1.0 derived differently where it pooled: speedups (floors of all launches of a cell by wall
# time where one of them had no CPU times), what follows from them, and what was left as in the first run.
DERIVED_ANEW = {"speedup", "warnings", "init_ms", "first_ms", "latency_ms", "latency_with_copies_ms"}
DERIVED_ANEW |= {"throughput_per_s"}  # to the last bits


@pytest.mark.parametrize("pooled", POOLED)
def test_pooled_runs_are_the_same_but_for_what_is_derived_anew(pooled):
    shown = json.loads(show(*POOLED[pooled], "--json", "-"))
    stored = json.loads((SHOWN / f"{pooled}.json").read_text())
    for one, other in zip(shown["cells"], stored["cells"], strict=True):
        for key in other.keys() - DERIVED_ANEW:
            assert of_the_same_keys(one[key], other[key]) == other[key], (other["id"], key)
        for key in ("latency_ms", "latency_with_copies_ms", "throughput_per_s"):
            assert one[key] == pytest.approx(other[key])
        if other["speedup"] and None not in (other["speedup"]["low"], one["speedup"]["low"]):
            assert one["speedup"]["low"] <= other["speedup"]["high"]
            assert one["speedup"]["high"] >= other["speedup"]["low"]


def test_every_stored_run_is_described():
    described = (FIXTURES / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in described] == []
