"""Save a model object for a converter process.

This runs in the user's process, which has imported TensorFlow already. The object is the user's own code and
trusted.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from harness.errors import ModelError
from harness.models.objects import is_keras
from harness.quantize.backends.tflite_converter.reasons import one_line

_KERAS = re.compile(r"(tf_)?keras(\.\w+)*|builtins")


def save(model: Any, folder: Path, signature: str | None = None) -> Path:
    """Save a Keras model, a tf.Module or a function in `folder`: a .keras file or a SavedModel.

    A Keras model of nothing but Keras' own layers is saved as a .keras file; anything else as its graph,
    for which a converter process needs none of the user's classes. signature: which one of several. Raises
    ModelError.
    """
    try:
        if is_keras(model):
            path = folder / "model.keras"
            if _save_keras(model, path):
                return path
        return _save_graph(model, folder / "model", signature)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"the model cannot be saved: {one_line(error, name_type=True)}") from error


def _save_keras(model: Any, path: Path) -> bool:
    """Write a .keras file; False if it cannot be loaded without the user's classes or functions."""
    try:
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except Exception:  # such as a subclassed model without get_config
        return False
    return not _needs_user_code(config["config"])  # its other parts are about training


def _needs_user_code(config: object) -> bool:
    """Return True if a part of a Keras configuration is a class or function that is not Keras' own."""
    if isinstance(config, list):
        return any(map(_needs_user_code, config))
    if not isinstance(config, dict):
        return False
    module = config.get("module")
    if config.get("registered_name") or (isinstance(module, str) and not _KERAS.fullmatch(module)):
        return True
    if config.get("class_name") in ("function", "__lambda__", "Lambda"):
        return True
    return any(map(_needs_user_code, config.values()))


def _save_graph(model: Any, folder: Path, signature: str | None) -> Path:
    from harness.quantize.backends.tflite_converter.tracing import from_object, write_saved_model

    loaded = from_object(model, [model], signature)
    write_saved_model(loaded, loaded.inputs, folder)
    return folder
