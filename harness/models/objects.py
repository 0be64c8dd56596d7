"""Recognize models that are objects of the program, without importing anything.

A program with such an object has imported its library, so looking into `sys.modules` is enough.
"""

from __future__ import annotations

import re
import sys
from operator import attrgetter

_KERAS = (("keras", "Model"), ("tf_keras", "Model"))
_GRAPHS = (
    ("tensorflow", "Module"),
    ("tensorflow", "types.experimental.ConcreteFunction"),
    ("tensorflow", "types.experimental.PolymorphicFunction"),
)


def is_keras(model: object) -> bool:
    """Return True for a model of Keras 3 or Keras 2."""
    return any(_is_a(model, *named) for named in _KERAS)


def is_model(model: object) -> bool:
    """Return True for a Keras model, a tf.Module, a tf.function or a concrete function."""
    return is_keras(model) or any(_is_a(model, *named) for named in _GRAPHS)


def name_of(model: object) -> str:
    """Return the object's own name, made fit for a file name; "model" if it has none."""
    name = getattr(model, "name", None)
    if not isinstance(name, str) or name.startswith("__inference_"):
        name = getattr(model, "__name__", None)
    clean = re.sub(r"[^\w.-]+", "_", name).strip("._-") if isinstance(name, str) else ""
    return clean or "model"


def _is_a(model: object, library: str, path: str) -> bool:
    try:
        kind = attrgetter(path)(sys.modules[library])
    except (KeyError, AttributeError):
        return False
    return isinstance(kind, type) and isinstance(model, kind)
