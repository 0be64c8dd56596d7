"""Damaged and hostile files of a stored run, through what shows it."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import QbenchError
from tests.fuzz.hostile import damaged
from tests.models import dense_model


@pytest.fixture
def stored(qbench, tmp_path) -> Path:
    """The folder of a real run of two delegates."""
    (tmp_path / "net.tflite").write_bytes(dense_model(seed=1))
    done = qbench(
        "run", "--model", "net.tflite", "--budget", "0.02", "--device", "cpu", "--device", "xnnpack"
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (path.parent for path in (tmp_path / "results").glob("*/run.json"))
    return folder


@pytest.mark.slow
def test_a_damaged_run_is_shown_or_refused_in_one_clear_line(stored, tmp_path, inputs, seed):
    chance, results = random.Random(seed), tmp_path / "damaged"
    whole, ends = sorted(stored.iterdir()), Counter[str]()
    for _ in range(inputs(100)):
        run = results / stored.name
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True)
        for path in chance.sample(whole, chance.randint(1, len(whole))):
            data = path.read_bytes()
            (run / path.name).write_bytes(damaged(data, chance) if chance.random() < 0.7 else data)
        end, text = shown(stored.name, results)
        assert text.replace("\n", "").isprintable(), f"{run}: {text!r}"
        ends[end] += 1
    print(ends)
    assert set(ends) == {"shown", "refused"}


def shown(name: str, results: Path) -> tuple[str, str]:
    """What `qbench show` comes to, and the text that the user sees of it."""
    try:
        done = CliRunner().invoke(app, ["show", name, "--results", str(results)], catch_exceptions=False)
    except QbenchError as error:
        assert "\n" not in str(error)
        return "refused", str(error)
    return "shown", done.output
