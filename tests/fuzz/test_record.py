"""Damaged and hostile files of a stored run, through what shows it and what compares it."""

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
def test_a_damaged_run_is_shown_and_compared_or_refused_in_one_clear_line(stored, tmp_path, inputs, seed):
    chance, results = random.Random(seed), tmp_path / "damaged"
    whole, ends = sorted(stored.iterdir()), Counter[str]()
    for _ in range(inputs(100)):
        run = results / stored.name
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True)
        for path in chance.sample(whole, chance.randint(1, len(whole))):
            data = path.read_bytes()
            (run / path.name).write_bytes(damaged(data, chance) if chance.random() < 0.7 else data)
        shown = said("show", str(run))
        pair = chance.sample([str(run), str(stored)], 2)
        form = chance.choice(["table", "markdown", "json", "junit"])
        compared = said("compare", *pair, "--format", form, "--fail-over", "5%", "--fail-memory", "5%")
        for _, text in (shown, compared):
            assert text.replace("\n", "").isprintable(), f"{run}: {text!r}"
        ends[f"show: {shown[0]}"] += 1
        ends[f"compare: {compared[0]}"] += 1
    print(ends)
    assert set(ends) == {"show: shown", "show: refused", "compare: shown", "compare: refused"}


def said(*arguments: str) -> tuple[str, str]:
    """What a command comes to, and the text that the user sees of it."""
    try:
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    except QbenchError as error:
        assert "\n" not in str(error)
        return "refused", str(error)
    return "shown", done.output
