"""Train the built-in model. Only converter processes import this."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from harness.models.builtin import INPUT, SUFFIXES, Digits, digits_files, keep_digits

CALIBRATION_SAMPLES = 128


def ensure_digits(folder: Path) -> Digits:
    """Return the built-in model's files; train it unless the cache `folder` has them."""
    if (known := digits_files(folder)) is not None:
        return known
    with tempfile.TemporaryDirectory(prefix="qbench-") as scratch:
        made = Digits(**{name: Path(scratch) / f"{name}{suffix}" for name, suffix in SUFFIXES.items()})
        _make(made)
        return keep_digits(folder, made)


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
