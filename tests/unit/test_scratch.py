"""A temporary folder, when its process is killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from harness.scratch import scratch_folder

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import time
from harness.scratch import scratch_folder
with scratch_folder("conversion") as folder:
    (folder / "model").mkdir()
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)  # what it remembers of the environment
    return tmp_path


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(temporary):
    (temporary / "qbench-conversion-of-mine").mkdir()
    with subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().decode().strip())
        assert theirs.parent == temporary
        with scratch_folder("conversion") as ours:
            assert {path.name for path in theirs.iterdir()} == {"in-use", "model"}
        process.kill()
    assert theirs.exists()
    with scratch_folder("conversion") as ours:
        assert not theirs.exists()
        assert ours.is_dir()
    assert [path.name for path in temporary.iterdir()] == ["qbench-conversion-of-mine"]
