"""qbench run --dataset, from the command line to what is printed and stored."""

from __future__ import annotations

import json

import numpy as np


def test_outputs_are_compared_on_the_dataset(qbench, twins, tmp_path):
    np.save(tmp_path / "test.npy", np.ones((40, 4), np.float32))
    asked = ("--model", twins, "--device", "cpu", "--budget", "0.02", "--dataset", "test.npy")
    done = qbench("run", *asked, "--json", "run.json")
    assert done.returncode == 0, done.stderr
    assert "on 16 samples of test.npy" in " ".join(done.stdout.split())
    (model,) = json.loads((tmp_path / "run.json").read_text())["models"]
    told = {"source": "test.npy", "samples": 16, "how": "dataset", "calibrated_on": 0}
    assert model["fidelity_samples"] == told


def test_a_dataset_that_is_not_there(qbench, twins):
    done = qbench("run", "--model", twins, "--device", "cpu", "--dataset", "gone.npy")
    assert done.returncode == 2
    assert "dataset gone.npy: no such file or folder" in done.stderr
