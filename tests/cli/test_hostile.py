"""Folders that can't be written, disks that fill up, Ctrl-C: nothing measured is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pandas as pd
import pytest

from tests.cli.conftest import COMMAND, environment
from tests.models import dense_model


@pytest.fixture
def tmpfs(tmp_path):
    """Mount a small tmpfs where that is allowed."""
    mounted = []

    def mount(options: str):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode != 0:
            pytest.skip("needs the right to mount a tmpfs (root)")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_read_only_results_are_said_before_anything_is_measured(qbench, twins, tmpfs):
    folder = tmpfs("ro,size=1m")
    started = time.monotonic()
    done = qbench("run", "--model", twins, "--results", folder / "results", "--budget", "30")
    assert done.returncode == 2
    assert time.monotonic() - started < 20
    assert len(done.stderr.strip().splitlines()) == 1
    assert str(folder) in done.stderr


def test_a_disk_that_fills_up_loses_nothing(qbench, twins, tmpfs, tmp_path, cache):
    """The table is printed, and the whole run is stored where there is room."""
    folder, spare = tmpfs("size=24k"), tmp_path / "spare"
    spare.mkdir()
    env = {**environment(cache), "TMPDIR": str(spare)}
    done = qbench(
        "run",
        "--model",
        twins,
        "--results",
        folder,
        "--budget",
        "1",
        "--json",
        tmp_path / "out.json",
        env=env,
    )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "twins" in done.stdout
    document = json.loads((tmp_path / "out.json").read_text())
    (stored,) = spare.glob("qbench-*/*/run.json")
    assert json.loads(stored.read_text()) == document
    samples = pd.read_csv(stored.parent / "samples.csv.gz")
    assert len(samples) == sum(cell["latency_ms"]["count"] for cell in document["cells"])
    for kept in folder.glob("*/run.json"):
        json.loads(kept.read_text())


def test_ctrl_c_keeps_what_was_measured(twins, tmp_path, cache):
    for file in twins.iterdir():  # a model that takes long enough to be interrupted
        file.write_bytes(dense_model(seed=1, inputs=2048, outputs=2048))
    process = subprocess.Popen(
        [*COMMAND, "run", "--model", str(twins), "--budget", "60", "--device", "cpu"],
        cwd=tmp_path,
        env=environment(cache),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(tmp_path.glob("results/*/run.json")):
        time.sleep(0.05)
    time.sleep(2)  # into the first launch
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "twins" in out
    (stored,) = tmp_path.glob("results/*/run.json")
    document = json.loads(stored.read_text())
    assert document["interrupted"] is True
    assert all(cell["latency_ms"]["count"] > 0 for cell in document["cells"])
