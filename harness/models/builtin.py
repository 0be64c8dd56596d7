"""The built-in model `digits`: a small convolutional network for scikit-learn's handwritten digits.

Trained, seeded, on first use, in the converter's child process; what it left is read without TensorFlow.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import cache
from harness.calibration import Calibration
from harness.models import DIGITS_RECIPE

INPUT = "image"
CALIBRATION_SAMPLES = 128


@dataclass(frozen=True)
class Digits:
    """The files of the built-in model.

    `calibration`: .npz with `image`, 128 training images; `evaluation`: .npz with `x` (360 test images,
    360 x 8 x 8 x 1 float32 in [0, 1]) and `y` (their digits, 360 int64).
    """

    model: Path
    calibration: Path
    evaluation: Path

    @property
    def complete(self) -> bool:
        return all(path.is_file() for path in (self.model, self.calibration, self.evaluation))


def digits_files(folder: Path) -> Digits:
    """Where the cache `folder` keeps the built-in model (made by the first `make_variants` of it)."""
    home = folder / "builtin" / cache.key(recipe=DIGITS_RECIPE)[:16]
    return Digits(home / "digits.keras", home / "calibration.npz", home / "evaluation.npz")


def digits_calibration(folder: Path) -> Calibration:
    """The built-in calibration data. Raises ModelError where it has not been made."""
    from harness.calibration.arrays import load, store

    images = load(digits_files(folder).calibration)
    sha256, path = store(images, folder / "calibration")
    return Calibration("built-in", len(images[INPUT]), sha256, path, generated=False)


def digits_samples(folder: Path) -> Path:
    """The evaluation images as an .npz under the model's input name. Raises ModelError likewise."""
    from harness.calibration.arrays import load, store

    return store({INPUT: load(digits_files(folder).evaluation)["x"]}, folder / "calibration")[1]


def ensure_digits(folder: Path) -> Digits:
    """Train the model unless the cache has it, whole or not at all. Only in a process with TensorFlow."""
    files = digits_files(folder)
    if files.complete:
        return files
    home = files.model.parent
    home.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=home.parent, prefix="."))
    try:
        _make(Digits(draft / files.model.name, draft / files.calibration.name, draft / files.evaluation.name))
        shutil.rmtree(home, ignore_errors=True)  # what is there is not whole
        draft.replace(home)
    except OSError:
        if not files.complete:  # else another qbench was faster
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return files


def _make(files: Digits) -> None:
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    images = (data.images / 16).astype(np.float32)[..., np.newaxis]
    x, x_test, y, y_test = train_test_split(
        images, data.target, test_size=360, random_state=0, stratify=data.target
    )
    _train(x, y).save(files.model)
    np.savez(files.calibration, **{INPUT: x[:CALIBRATION_SAMPLES]})
    np.savez(files.evaluation, x=x_test, y=y_test.astype(np.int64))


def _train(x: Any, y: Any) -> Any:
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:], name=INPUT),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits",
    )
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=64, epochs=10, verbose=0)
    return model
