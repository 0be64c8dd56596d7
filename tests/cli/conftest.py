"""qbench as a user runs it: the command, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.models import dense_model

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from harness.cli import main; main()"]

# A model whose conversion takes for ever; the converter's process id is in the file `pid`.
SLEEPER = """
import os, tempfile, time

def build():
    tempfile.NamedTemporaryFile(delete=False)
    with open("pid.tmp", "w") as file:
        file.write(str(os.getpid()))
    os.rename("pid.tmp", "pid")
    time.sleep(600)
"""


@pytest.fixture
def qbench(tmp_path, cache):
    """Run the command in an empty folder; the CompletedProcess holds its text."""

    def run(*arguments: str, **more) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            **{"cwd": tmp_path, "env": environment(cache), **more},
        )

    return run


def environment(cache: Path) -> dict[str, str]:
    """As the tests' own, with a cache of theirs and the checkout importable from any folder."""
    kept = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLUMNS"}}
    return {**kept, "QBENCH_CACHE": str(cache), "PYTHONPATH": str(ROOT)}


def wait_for_launches(results: Path, count: int, of: str = "") -> Path:
    """The folder of the run in `results`, once that many launches (of a model) are on its record."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for record in results.glob("*/events.jsonl"):
            if record.read_text().count(f'"event": "launched", "cell": "{of}') >= count:
                return record.parent
        time.sleep(0.05)
    raise TimeoutError(f"no {count} launches in {results}")


def ended(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def twins(tmp_path):
    """A folder with the same small model twice: one model, two variants."""
    folder = tmp_path / "twins"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.tflite").write_bytes(dense_model(seed=1))
    return folder
