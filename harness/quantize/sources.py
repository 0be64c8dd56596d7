"""Float models of every kind, built or loaded. Only the converter's child process imports this."""

from __future__ import annotations

import importlib
import sys
import zipfile
from pathlib import Path
from typing import Any

from harness.errors import ModelError
from harness.models.applications import APPLICATIONS, application_name
from harness.models.builtin import ensure_digits
from harness.quantize.reasons import one_line
from harness.quantize.tracing import (
    Loaded,
    from_concrete,
    from_function,
    from_keras,
    from_module,
    from_signatures,
)
from harness.quantize.trust import code_in_keras_file, code_in_saved_model, is_refusal, refusal
from harness.versions import release

SAFE_KERAS = (3, 12)  # older ones run the Lambda layers of an .h5 whatever `safe_mode` says


def load(kind: str, source: str, path: Path | None, cache: Path, trust: bool = False) -> Loaded:
    """Build or load the model; code in its file runs only with `trust`.

    Raises ModelError, or whatever the model's own code raises.
    """
    import tensorflow as tf

    if kind == "callable":
        return _from_object(*call(source))
    if kind == "application":
        return from_keras(_application(source))
    if kind == "builtin":
        return from_keras(_load_keras(ensure_digits(cache).model, trust=False))
    assert path is not None
    if kind == "saved_model":
        if not trust and (code := code_in_saved_model(path)):
            raise refusal(code)
        return from_signatures(tf.saved_model.load(str(path)))
    return from_keras(_load_keras(path, trust))


def call(source: str) -> tuple[Any, list[Any]]:
    """What `package.module:callable` returns, seeded, and the variables that were made on the way.

    Modules of the working directory can be imported.
    """
    import keras
    import tensorflow as tf

    module_name, _, names = source.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and module_name.startswith(error.name):
            raise ModelError(f"no module {error.name} here or among the installed packages") from None
        raise
    for name in names.split("."):
        if not hasattr(found, name):
            raise ModelError(f"module {module_name} has no {name}")
        found = getattr(found, name)
    if not callable(found):
        raise ModelError(f"it is no callable but of type {type(found).__name__}")
    variables: list[Any] = []

    def keep(make: Any, **settings: Any) -> Any:
        variables.append(make(**settings))
        return variables[-1]

    keras.utils.set_random_seed(0)
    with tf.variable_creator_scope(keep):
        return found(), variables


def _application(source: str) -> Any:
    """An architecture with seeded random weights that keep activations in a sane range.

    Untouched, random weights let the signal die away layer by layer (1e-5 at the end of MobileNetV2), and
    what is quantized then cannot even be prepared. One forward pass gives the batch normalizations the
    statistics that they would have learned.
    """
    import keras
    import numpy as np

    spec = APPLICATIONS[application_name(source) or source]
    keras.utils.set_random_seed(0)
    shape = (spec.side, spec.side, 3)
    model = getattr(keras.applications, spec.class_name)(weights=None, input_shape=shape)
    layers = model._flatten_layers()
    norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    if norms:
        images = np.random.default_rng(0).uniform(spec.low, spec.high, (4, *shape)).astype(np.float32)
        model(images, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return model


def _load_keras(path: Path, trust: bool) -> Any:
    """A Keras file; what Keras 3 refuses, Keras 2 (tf_keras) may take, but never code without `trust`."""
    import keras

    if path.suffix.lower() == ".keras" and not zipfile.is_zipfile(path):  # Keras says "File not found"
        raise ModelError("not a Keras model, or not all of it: a .keras file is a zip archive")
    if not trust and release(keras.__version__) < SAFE_KERAS:
        _refuse_code(path, ModelError("its configuration cannot be read"))
    try:
        return keras.models.load_model(path, compile=False, safe_mode=not trust)
    except Exception as error:
        failure = error
    if not trust:
        _refuse_code(path, failure)
    try:
        import tf_keras

        return tf_keras.models.load_model(path, compile=False, safe_mode=not trust)
    except Exception:
        raise failure from None


def _refuse_code(path: Path, failure: Exception) -> None:
    """Raise if the file holds code, or (`failure`) if it cannot be looked into."""
    try:
        code = code_in_keras_file(path)
    except ModelError:
        raise failure from None
    if code is None and is_refusal(failure):
        code = f"Keras refuses it ({one_line(failure)})"
    if code is not None:
        raise refusal(code) from None


def _from_object(made: Any, variables: list[Any]) -> Loaded:
    """What a user's callable returned; a function alone does not keep its `variables` alive."""
    import tensorflow as tf

    if isinstance(made, tf.types.experimental.ConcreteFunction):
        return from_concrete(made, variables)
    if isinstance(made, tf.types.experimental.PolymorphicFunction):
        return from_function(made, variables)
    if hasattr(made, "layers") and callable(made):  # a model of Keras 3 or Keras 2
        return from_keras(made)
    if isinstance(made, tf.Module):
        return from_module(made)
    raise ModelError(
        f"it returned an object of type {type(made).__name__}; wanted is a Keras model, a tf.Module with a "
        "signature or a concrete function"
    )
