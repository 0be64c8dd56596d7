"""Build or load float models of every kind. Only converter processes import this."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

from harness.errors import ModelError
from harness.models.applications import APPLICATIONS, application_name
from harness.models.trees import OtherTree
from harness.quantize.backends.tflite_converter.digits import ensure_digits
from harness.quantize.backends.tflite_converter.messages import Wanted
from harness.quantize.backends.tflite_converter.reasons import one_line
from harness.quantize.backends.tflite_converter.tracing import (
    Loaded,
    from_keras,
    from_object,
    from_signatures,
)
from harness.quantize.backends.tflite_converter.trust import (
    code_in_keras_file,
    code_in_saved_model,
    is_refusal,
    refusal,
    weights_elsewhere,
)
from harness.quantize.user_code import check_origin, find
from harness.record.shapes import Shapes
from harness.versions import release

_ANY = Wanted()
SAFE_KERAS = (3, 12)  # older versions run the Lambda layers of an .h5 despite `safe_mode`


def load(
    kind: str,
    source: str,
    path: Path | None,
    cache: Path,
    trust: bool = False,
    wanted: Wanted = _ANY,
    tree: OtherTree | None = None,
) -> Loaded:
    """Build or load the model, or one of its signatures; code in its file runs only with `trust`.

    tree: where a callable has to be imported from. Raises ModelError, or any exception of the
    model's own code.
    """
    import tensorflow as tf

    if kind == "callable":
        return from_object(*call(source, tree), wanted.signature)
    if kind == "application":
        return from_keras(_application(source, wanted.shapes), wanted.signature)
    if kind == "builtin":
        return from_keras(_load_keras(ensure_digits(cache).model, trust=False), wanted.signature)
    assert path is not None
    if kind == "saved_model":
        if not trust and (code := code_in_saved_model(path)):
            raise refusal(code)
        return from_signatures(tf.saved_model.load(str(path)), wanted.signature)
    return from_keras(_load_keras(path, trust), wanted.signature)


def call(source: str, tree: OtherTree | None = None) -> tuple[Any, list[Any]]:
    """Call `package.module:callable`, seeded; return the result and the variables that it created.

    Raises ModelError if it imports modules of the original of `tree`.
    """
    import keras
    import tensorflow as tf

    already = set(sys.modules)
    found = find(source)
    variables: list[Any] = []

    def keep(make: Any, **settings: Any) -> Any:
        variables.append(make(**settings))
        return variables[-1]

    keras.utils.set_random_seed(0)
    with tf.variable_creator_scope(keep):
        made = found()
    if tree is not None:
        check_origin(sys.modules.keys() - already, tree)
    return made, variables


def _application(source: str, shapes: Shapes) -> Any:
    """Build an architecture with seeded random weights that keep activations in a sane range.

    shapes: its images may have another height and width than usual.

    With plain random weights the signal fades layer by layer (to 1e-5 at the end of MobileNetV2), and
    runtimes refuse the quantized model. One forward pass gives the batch normalizations suitable statistics.
    """
    import keras
    import numpy as np

    spec = APPLICATIONS[application_name(source) or source]
    keras.utils.set_random_seed(0)
    images_are = [dims[1:3] for _, dims in shapes if len(dims) == 4]
    shape = (*(images_are[0] if images_are else (spec.side, spec.side)), 3)
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
    """Load a Keras file, with Keras 2 (tf_keras) if Keras 3 refuses it; code only with `trust`."""
    import keras

    if path.suffix.lower() == ".keras" and not zipfile.is_zipfile(path):  # Keras says "File not found"
        raise ModelError("not a Keras model, or not all of it: a .keras file is a zip archive")
    if not trust and (elsewhere := weights_elsewhere(path)):  # as Keras 3 refuses it in a .keras
        raise refusal(elsewhere)
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
