"""Write any model that TensorFlow can trace as a canonical SavedModel.

It has static shapes, one signature, and only the variables that the graph reads. Seen with TensorFlow 2.21:
traced once with static shapes, the graph has no shape arithmetic (which costs XNNPACK), and recurrent
layers of Keras 3 convert at all; tracking just the variables that the graph reads leaves no READ_VARIABLE
in the .tflite (tracking the Keras model does). Freezing the graph as well would cost Keras 2's recurrent
layers their fused op.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ModelError

Graph = Callable[..., Any]  # takes one tensor per input, by position


@dataclass(frozen=True)
class Loaded:
    """A model as something TensorFlow can trace: a function and its inputs (TensorSpecs with names)."""

    graph: Graph
    inputs: Sequence[Any]
    owner: Any  # keeps the variables alive: functions hold them only weakly


@dataclass(frozen=True)
class Canonical:
    """The canonical SavedModel's inputs (TensorSpecs) and the hashes of its content."""

    inputs: Sequence[Any]
    values: str
    structure: str


def write_canonical(loaded: Loaded, batch: int, out: Path) -> Canonical:
    """Write the model as a SavedModel of static shapes with one signature."""
    inputs = [_static(spec, batch) for spec in loaded.inputs]
    return Canonical(inputs, *_digests(write_saved_model(loaded, inputs, out)))


def write_saved_model(loaded: Loaded, inputs: Sequence[Any], out: Path) -> Any:
    """Write the model, traced with `inputs`, as a SavedModel with one signature. Returns the traced graph."""
    import tensorflow as tf

    graph = tf.function(loaded.graph, input_signature=inputs, autograph=False).get_concrete_function()
    module = tf.Module()
    module.variables_of_graph = list(graph.graph.variables)
    resources = [tensor for tensor in graph.captured_inputs if tensor.dtype == tf.resource]
    if len(resources) > len(module.variables_of_graph):
        module.owner = loaded.owner  # it has lookup tables, too
    tf.saved_model.save(module, str(out), signatures={"serving_default": graph})
    return graph


def _digests(graph: Any) -> tuple[str, str]:
    """Return the SHA-256 of the variables and constants that the graph captured, and of the graph itself."""
    import tensorflow as tf

    values = hashlib.sha256()
    variables = {id(variable.handle): variable for variable in graph.graph.variables}  # in no fixed order
    for tensor in graph.captured_inputs:
        captured = variables.get(id(tensor)) if tensor.dtype == tf.resource else tensor
        if captured is None:  # a lookup table: its content cannot be read, so it never equals another
            values.update(os.urandom(16))
            continue
        value = captured.numpy()
        values.update(f"{value.dtype.str} {value.shape} ".encode())
        values.update(value.tobytes())
    definition = graph.graph.as_graph_def()
    for function in definition.library.function:
        for argument in function.arg_attr.values():
            argument.attr.pop("_user_specified_name", None)  # of a captured tensor, its number
    structure = definition.SerializeToString(deterministic=True)
    return values.hexdigest(), hashlib.sha256(_renumbered(structure)).hexdigest()


def _renumbered(graph: bytes) -> bytes:
    """Return the graph with its functions numbered in order: TensorFlow counts them per process."""
    names: dict[bytes, bytes] = {}
    return re.sub(
        rb"__(inference|forward|backward)_[\w<>]+",
        lambda found: names.setdefault(found[0], b"function %d" % len(names)),
        graph,
    )


def from_object(made: Any, variables: Sequence[Any] = ()) -> Loaded:
    """Return a Keras model, a tf.Module or a function to trace; `variables` are kept for a function.

    Raises ModelError for anything else.
    """
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
        f"an object of type {type(made).__name__} is not a model; expected a Keras model, a tf.Module with a "
        "signature or a concrete function"
    )


def from_keras(model: Any) -> Loaded:
    """Return a model of Keras 3 or Keras 2, called for inference."""
    import tensorflow as tf

    tensors = getattr(model, "inputs", None) or _called_with(model)
    names = _input_names([tensor.name or "" for tensor in tensors])
    inputs = [tf.TensorSpec(t.shape, t.dtype, name=n) for t, n in zip(tensors, names, strict=True)]
    # Inputs may be a dict or nested: Keras 3 and Keras 2 each have their name for that.
    structure = getattr(model, "_inputs_struct", getattr(model, "_nested_inputs", None))
    if structure is None:
        structure = tensors if len(tensors) > 1 else tensors[0]

    def graph(*given: Any) -> Any:
        return _flat(model(tf.nest.pack_sequence_as(structure, list(given)), training=False))

    return Loaded(graph, inputs, model)


def recurrent_layers(owner: Any) -> list[str]:
    """Return the names of a Keras model's recurrent layers that are loops in its graph."""
    layers = owner._flatten_layers() if hasattr(owner, "_flatten_layers") else ()
    return [layer.name for layer in layers if getattr(layer, "unroll", None) is False]


def _called_with(model: Any) -> list[Any]:
    """Return the input of a subclassed model, known only if the model was called or built before."""
    import tensorflow as tf

    shapes = list((getattr(model, "_build_shapes_dict", None) or {}).values())
    if len(shapes) == 1 and all(size is None or isinstance(size, int) for size in shapes[0]):
        return [tf.TensorSpec(shapes[0], model.compute_dtype, name="input")]
    raise ModelError(
        f"the Keras model {model.name} has no fixed inputs; build it with keras.Input or call it once"
    )


def from_module(module: Any) -> Loaded:
    """Return the module's signatures, else its `__call__`, else its only tf.function with a signature."""
    import tensorflow as tf

    if getattr(module, "signatures", None):
        return from_signatures(module)
    found = {}
    for name in dir(type(module)) + list(vars(module)):
        value = getattr(module, name, None)
        if isinstance(value, tf.types.experimental.ConcreteFunction):
            found[name] = from_concrete(value, module)
        elif isinstance(value, tf.types.experimental.PolymorphicFunction) and value.input_signature:
            found[name] = from_function(value, module)
    if "__call__" in found:
        return found["__call__"]
    if len(found) == 1:
        return next(iter(found.values()))
    which = f"several ({', '.join(sorted(found))})" if found else "none"
    raise ModelError(
        f"the tf.Module needs one tf.function with an input_signature, or one named __call__; it has {which}"
    )


def from_signatures(loaded: Any) -> Loaded:
    """Return the serving_default of a loaded SavedModel, or its only signature."""
    signatures = dict(loaded.signatures)
    chosen = signatures.get("serving_default") or (
        next(iter(signatures.values())) if len(signatures) == 1 else None
    )
    if chosen is None:
        which = f"only {', '.join(sorted(signatures))}" if signatures else "none"
        raise ModelError(f"the SavedModel has no signature serving_default ({which}); save it with one")
    return from_concrete(chosen, loaded)


def from_function(function: Any, owner: Any) -> Loaded:
    """Return a tf.function, which needs an input_signature."""
    if not function.input_signature:
        raise ModelError("the tf.function needs an input_signature, or return a concrete function")
    return from_concrete(function.get_concrete_function(), owner)


def from_concrete(function: Any, owner: Any) -> Loaded:
    """Return a concrete function; `owner` keeps its variables alive."""
    import tensorflow as tf

    structure = function.structured_input_signature
    if structure is None:  # a pruned or frozen graph knows only its tensors
        specs = [tf.TensorSpec(t.shape, t.dtype, name=t.name) for t in function.inputs]
        structure = (tuple(specs), {})
    leaves = tf.nest.flatten(structure)
    specs = [spec for spec in leaves if isinstance(spec, tf.TensorSpec)]
    names = _input_names([spec.name or "" for spec in specs])
    inputs = [tf.TensorSpec(s.shape, s.dtype, name=n) for s, n in zip(specs, names, strict=True)]

    def graph(*tensors: Any) -> Any:
        left = iter(tensors)
        given = [next(left) if isinstance(leaf, tf.TensorSpec) else leaf for leaf in leaves]
        args, kwargs = tf.nest.pack_sequence_as(structure, given)
        return _flat(function(*args, **kwargs))

    return Loaded(graph, inputs, owner)


def _flat(outputs: Any) -> Any:
    """Return outputs as a signature takes them: a flat dict as it is, anything else numbered."""
    import tensorflow as tf

    if isinstance(outputs, dict) and all(tf.is_tensor(value) for value in outputs.values()):
        return outputs
    leaves = tf.nest.flatten(outputs)
    return {f"output_{index}": leaf for index, leaf in enumerate(leaves)}


def _input_names(names: Sequence[str]) -> list[str]:
    """Return names that a signature takes; Keras' counters ("keras_tensor_12") become "input"."""
    fresh = []
    for index, name in enumerate(names):
        clean = re.sub(r"\W", "_", name.split(":")[0]).lstrip("_0123456789")
        if not clean or clean.startswith("keras_tensor"):
            clean = "input" if len(names) == 1 else f"input_{index}"
        fresh.append(clean if clean not in fresh else f"{clean}_{index}")
    return fresh


def _static(spec: Any, batch: int) -> Any:
    """Return the input with its batch dimension fixed. Raises ModelError if another dimension is open."""
    import tensorflow as tf

    if spec.shape.rank is None:
        raise ModelError(f"input {spec.name} has no fixed number of dimensions; build the model with a shape")
    shape = spec.shape.as_list()
    if shape and shape[0] is None:
        shape[0] = batch
    elif batch != 1 and shape and shape[0] != batch:
        raise ModelError(
            f"input {spec.name} is built for a batch of {shape[0]}; a batch of {batch} needs None"
        )
    if None in shape:
        raise ModelError(
            f"input {spec.name} has the open shape {tuple(spec.shape.as_list())}; only the first dimension "
            "may be None: build the model with a fixed size"
        )
    return tf.TensorSpec(shape, spec.dtype, name=spec.name)
