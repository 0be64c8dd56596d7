"""`qbench compare` on runs that are measured now."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.models import dense_model


@pytest.fixture
def measured(qbench, twins, tmp_path):
    """Two runs of the same folder; between them one file becomes larger, and a new one comes."""

    def run():
        done = qbench(
            "run", "--model", twins, "--device", "cpu", "--budget", "0.05", "--json", "-", "--quiet"
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["run_id"]

    first = run()
    (twins / "b.tflite").write_bytes(dense_model(seed=1) + bytes(64))
    shutil.copy(twins / "a.tflite", twins / "c.tflite")
    return first, run()


@pytest.mark.smoke
def test_two_runs(qbench, measured, tmp_path):
    done = qbench("compare", *measured, "--fail-size", "1%", "--junit", "junit.xml")
    assert done.returncode == 1
    assert "qbench: failed: twins b on cpu: size +" in done.stderr
    assert "other file: twins b" in done.stdout
    assert "+ only in HEAD" in done.stdout
    assert "Yardstick: twins a on cpu is the same in both runs" in done.stdout
    assert (tmp_path / "junit.xml").read_text().startswith("<?xml")
    cells = {
        cell["variant"]: cell
        for cell in json.loads(qbench("compare", *measured, "--format", "json").stdout)["cells"]
    }
    again = qbench("compare", "latest~1", "latest", "--fail-size", "1%")
    assert (again.returncode, again.stdout) == (1, done.stdout)
    assert cells["a"]["same_file"] is True and cells["b"]["same_file"] is False
    assert cells["b"]["relative_to"]["variant"] == "a"
    assert cells["b"]["ratio"]["low"] <= cells["b"]["ratio"]["value"] <= cells["b"]["ratio"]["high"]


@pytest.mark.smoke
def test_a_record_that_is_cut_off_is_compared_as_far_as_it_goes(qbench, measured, tmp_path):
    events = tmp_path / "results" / measured[1] / "events.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    samples = tmp_path / "results" / measured[1] / "samples.bin"
    samples.write_bytes(samples.read_bytes()[:200])
    events.write_bytes(b"".join(lines[:-6]) + lines[-6][:20])
    done = qbench("compare", *measured, "--fail-over", "5%")
    assert done.returncode == 0
    assert "parts that can't be read 0 →" in done.stdout
    assert "can't tell" in done.stderr
