"""A run that is killed, with its workers, at a random moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_whatever_a_run_had_reported_is_read_back_and_nothing_else_is_left() -> None:
    """A few of the kills of `python -m benchmarks.kills`, which says what is checked."""
    command = [sys.executable, "-m", "benchmarks.kills", "--of", "run", "--count", "3", "--seed", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills" in done.stdout
