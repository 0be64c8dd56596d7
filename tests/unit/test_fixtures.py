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
    assert json.loads(show(name, "--json", "-")) == json.loads((RUNS / name / "run.json").read_text())


@pytest.mark.parametrize("pooled", POOLED)
def test_pooled_runs_are_shown_as_they_were(pooled):
    assert show(*POOLED[pooled], width=200) == (SHOWN / f"{pooled}.200.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("pooled", POOLED)
def test_pooled_runs_give_the_same_json(pooled):
    assert json.loads(show(*POOLED[pooled], "--json", "-")) == json.loads(
        (SHOWN / f"{pooled}.json").read_text()
    )


def test_every_stored_run_is_described():
    described = (FIXTURES / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in described] == []
