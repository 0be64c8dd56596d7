"""The built-in model `digits`: a small convolutional network for scikit-learn's handwritten digits.

Trained, seeded, on first use, in the converter's child process; what it left is read without TensorFlow.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import cache
from harness.errors import ModelError
from harness.models import DIGITS_RECIPE
from harness.quantize.calibration import Calibration

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


_SUFFIXES = {"model": ".keras", "calibration": ".npz", "evaluation": ".npz"}


def digits_files(folder: Path) -> Digits | None:
    """The built-in model in the cache `folder`, where all of it is there and whole."""
    record = cache.read_record(_record(folder)) or {}
    found = {name: cache.get(folder / "files", str(record.get(name)), _SUFFIXES[name]) for name in _SUFFIXES}
    whole = {name: path for name, path in found.items() if path is not None}
    return Digits(**whole) if len(whole) == len(_SUFFIXES) else None


def _record(folder: Path) -> Path:
    return folder / "builtin" / f"{cache.key(recipe=DIGITS_RECIPE)}.json"


def _digits(folder: Path) -> Digits:
    if (files := digits_files(folder)) is None:
        raise ModelError(f"{folder}: the built-in model is not in the cache, or no longer whole; run again")
    return files


def digits_calibration(folder: Path) -> Calibration:
    """The built-in calibration data. Raises ModelError where it has not been made."""
    from harness.quantize.calibration.arrays import load, store

    images = load(_digits(folder).calibration)
    sha256, path = store(images, folder / "calibration")
    return Calibration("built-in", len(images[INPUT]), sha256, path, generated=False)


def digits_samples(folder: Path) -> Path:
    """The evaluation images as an .npz under the model's input name. Raises ModelError likewise."""
    from harness.quantize.calibration.arrays import load, store

    return store({INPUT: load(_digits(folder).evaluation)["x"]}, folder / "calibration")[1]


def ensure_digits(folder: Path) -> Digits:
    """Train the model unless the cache has it. Only in a process with TensorFlow."""
    if (known := digits_files(folder)) is not None:
        return known
    with tempfile.TemporaryDirectory(prefix="qbench-") as scratch:
        made = {name: Path(scratch) / f"{name}{suffix}" for name, suffix in _SUFFIXES.items()}
        _make(Digits(**made))
        contents = {name: path.read_bytes() for name, path in made.items()}
    paths = {name: cache.put(folder / "files", data, _SUFFIXES[name]) for name, data in contents.items()}
    cache.write_record(_record(folder), {name: cache.digest(data) for name, data in contents.items()})
    return Digits(**paths)


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
