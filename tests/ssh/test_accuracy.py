"""Accuracy on a board: the dataset goes there once, and an evaluation survives a lost link."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models import dense_model, dense_weights
from tests.ssh.conftest import Watching


def labelled(folder, samples: int, width: int, classes: int):
    """A dataset in which every fifth label is wrong, for the model of that size."""
    inputs = np.random.default_rng(0).normal(size=(samples, width)).astype(np.float32)
    labels = (inputs @ dense_weights(1, width, classes).T).argmax(axis=1)
    labels[::5] = (labels[::5] + 1) % classes
    np.savez(folder / "data.npz", input=inputs, labels=labels)
    return str(folder / "data.npz")


def test_the_dataset_goes_to_the_board_once(measure, board, tmp_path):
    data = labelled(tmp_path, 500, 4, 3)
    first = measure(board.profile(), dataset=data).document["cells"][0]
    assert (first["accuracy"]["value"], first["accuracy"]["samples"]) == (0.8, 500)
    sent = {path.name: path.stat().st_ino for path in (board.workdir / "files").iterdir()}
    again = measure(board.profile(), dataset=data).document["cells"][0]
    assert again["accuracy"] == first["accuracy"]
    assert {path.name: path.stat().st_ino for path in (board.workdir / "files").iterdir()} == sent


class Cutting(Watching):
    """Cuts the link when a model is being evaluated."""

    def __init__(self, board) -> None:
        super().__init__()
        self._board, self.cuts = board, 0

    def measured(self, machine, progress):
        if progress.evaluated and not self.cuts:
            self.cuts += 1
            self._board.cut()


@pytest.mark.slow
def test_an_evaluation_goes_on_after_a_lost_link(measure, board, tmp_path):
    """What was timed is not timed again."""
    model = tmp_path / "large.tflite"
    model.write_bytes(dense_model(seed=1, inputs=1024, outputs=1024))
    data = labelled(tmp_path, 6000, 1024, 1024)
    watching = Cutting(board)
    asked = {"models": [str(model)], "dataset": data, "accuracy_precision": 0.0}
    (cell,) = measure(board.profile(), watching=watching, **asked).document["cells"]
    assert watching.cuts == 1
    assert cell["status"] == "ok"
    assert cell["accuracy"]["samples"] == 6000
    assert cell["accuracy"]["value"] == pytest.approx(0.8, abs=0.002)
