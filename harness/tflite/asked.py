"""A .tflite with the signature and the shapes that were asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.errors import ModelError
from harness.record.shapes import ModelInput, Shapes, fit, named
from harness.tflite import ModelInfo, read_model
from harness.tflite.propagation import shapes_of


@dataclass(frozen=True)
class Asked:
    """A file, and its shapes with the names of its inputs; None if none were asked for."""

    data: bytes
    shape: str | None


def as_asked(data: bytes, where: str, shapes: Shapes = (), signature: str | None = None) -> Asked:
    """Return the file with one signature alone, its graph the primary one, and with its inputs resized.

    It computes what a runtime would that is told to run the signature and to resize the inputs. Where nothing
    is asked for, it is unchanged. where: its name in messages. Raises ModelError.
    """
    from harness.tflite.patching import with_signature_first  # imports the schema, 0.1 s

    model = read_model(data, where)
    try:
        if signature is not None:
            _check(signature, model)
            data = with_signature_first(data, signature)
            model = read_model(data, where)
        return _resized(data, shapes, model) if shapes else Asked(data, None)
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None


def _check(signature: str, model: ModelInfo) -> None:
    names = [one.name for one in model.signatures]
    if signature not in names:
        there = f"it has {', '.join(names)}" if names else "the file has none"
        raise ModelError(f"--signature {signature}: no such signature; {there}")


def _resized(data: bytes, shapes: Shapes, model: ModelInfo) -> Asked:
    from harness.tflite.patching import with_shapes

    indices = [_index(i, model) for i in range(len(model.inputs))]
    inputs = [_input(index, model) for index in indices]
    fitted = fit(shapes, inputs)
    text = named(fitted, inputs)
    data = with_shapes(data, {indices[i]: dims for i, dims in fitted.items()})
    try:
        found = shapes_of(data)
    except ModelError as error:
        raise ModelError(f"--shape {text} does not fit the model: {error}") from None
    return Asked(with_shapes(data, {i: found[i] for i in range(len(model.tensors)) if i in found}), text)


def _index(number: int, model: ModelInfo) -> int:
    """Return the index of the tensor that is the input of this number."""
    return next(i for i, tensor in enumerate(model.tensors) if tensor is model.inputs[number])


def _input(index: int, model: ModelInfo) -> ModelInput:
    """Return an input with all its names: in signatures of the primary subgraph, else the tensor's."""
    tensor = model.tensors[index]
    signatures = [one for one in model.signatures if one.subgraph == 0 and index in one.inputs]
    short = re.sub(r"^serving_default_|:\d+$", "", tensor.name)
    names = (*(one.inputs[index] for one in signatures), short, tensor.name)
    stated = tensor.shape_signature if len(tensor.shape_signature) == len(tensor.shape) else tensor.shape
    return ModelInput(names, tuple(None if size == -1 else size for size in stated))
