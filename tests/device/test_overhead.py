"""benchmarks/overhead.py with one model, and with none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models import dense_model

ROOT = Path(__file__).resolve().parents[2]


def overhead(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "overhead.py", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.alone
@pytest.mark.slow
def test_a_model_that_is_over_at_once_is_no_error(tmp_path):
    model = tmp_path / "dense.tflite"
    model.write_bytes(dense_model(seed=1))
    done = overhead(model)
    assert done.returncode == 0, done.stderr
    assert "conductor while a worker is timed: " in done.stdout


def test_without_a_model_it_says_what_it_wants():
    done = overhead()
    assert done.returncode == 2 and "SMALLEST.tflite" in done.stderr and "Traceback" not in done.stderr
