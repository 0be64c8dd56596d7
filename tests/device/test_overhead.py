"""benchmarks/overhead.py with one model, and with none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import overhead
from tests.models import dense_model

ROOT = Path(__file__).resolve().parents[2]


def test_a_model_that_is_over_at_once_is_no_error(tmp_path):
    model = tmp_path / "dense.tflite"
    model.write_bytes(dense_model(seed=1))
    share, megabytes = overhead.conductor_beside_worker(str(model))
    assert share is None or share >= 0
    assert megabytes > 1


def test_without_a_model_it_says_what_it_wants():
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "overhead.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and "SMALLEST.tflite" in done.stderr and "Traceback" not in done.stderr
