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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ModelError
from harness.quantize.backends.tflite_converter.messages import Wanted
from harness.record.shapes import Dims, ModelInput, fit, named

Graph = Callable[..., Any]  # takes one tensor per input, by position


@dataclass(frozen=True)
class Loaded:
    """A model as something TensorFlow can trace: a function and its inputs (TensorSpecs with names)."""

    graph: Graph
    inputs: Sequence[Any]
    owner: Any  # keeps the variables alive: functions hold them only weakly


@dataclass(frozen=True)
class Canonical:
    """The canonical SavedModel's inputs (TensorSpecs), the hashes of its content, the shapes asked for."""

    inputs: Sequence[Any]
    values: str
    structure: str
    shape: str | None


def write_canonical(loaded: Loaded, wanted: Wanted, out: Path) -> Canonical:
    """Write the model as a SavedModel of static shapes with one signature. Raises ModelError."""
    described = [_described(spec) for spec in loaded.inputs]
    fitted = fit(wanted.shapes, described)
    inputs = [_static(spec, wanted.batch, fitted.get(i)) for i, spec in enumerate(loaded.inputs)]
    digests = _digests(write_saved_model(loaded, inputs, out))
    return Canonical(inputs, *digests, named(fitted, described))


def _described(spec: Any) -> ModelInput:
    names = (spec.name, f"serving_default_{spec.name}:0")
    return ModelInput(names, None if spec.shape.rank is None else tuple(spec.shape.as_list()))


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


def from_object(made: Any, variables: Sequence[Any] = (), signature: str | None = None) -> Loaded:
    """Return a Keras model, a tf.Module or a function to trace; `variables` are kept for a function.

    signature: which one of a module. Raises ModelError for anything else.
    """
    import tensorflow as tf

    if isinstance(made, tf.types.experimental.ConcreteFunction):
        _check_none(signature, "function")
        return from_concrete(made, variables)
    if isinstance(made, tf.types.experimental.PolymorphicFunction):
        _check_none(signature, "function")
        return from_function(made, variables)
    if hasattr(made, "layers") and callable(made):  # a model of Keras 3 or Keras 2
        return from_keras(made, signature)
    if isinstance(made, tf.Module):
        return from_module(made, signature)
    raise ModelError(
        f"an object of type {type(made).__name__} is not a model; expected a Keras model, a tf.Module with a "
        "signature or a concrete function"
    )


def _check_none(signature: str | None, what: str) -> None:
    if signature is not None:
        raise ModelError(f"--signature {signature}: a {what} has no signatures; leave the option out")


def from_keras(model: Any, signature: str | None = None) -> Loaded:
    """Return a model of Keras 3 or Keras 2, called for inference. Raises ModelError for a signature."""
    import tensorflow as tf

    _check_none(signature, "Keras model")
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


def from_module(module: Any, signature: str | None = None) -> Loaded:
    """Return one of the module's signatures, else of its functions: `__call__` or the only one by default."""
    import tensorflow as tf

    if getattr(module, "signatures", None):
        return from_signatures(module, signature)
    found = {}
    for name in dir(type(module)) + list(vars(module)):
        value = getattr(module, name, None)
        if isinstance(value, tf.types.experimental.ConcreteFunction):
            found[name] = from_concrete(value, module)
        elif isinstance(value, tf.types.experimental.PolymorphicFunction) and value.input_signature:
            found[name] = from_function(value, module)
    if not found:
        raise ModelError("the tf.Module needs a tf.function with an input_signature; it has none")
    return found[_chosen(signature, found, "__call__", "tf.Module")]


def from_signatures(loaded: Any, signature: str | None = None) -> Loaded:
    """Return a signature of a loaded SavedModel: by default serving_default, or its only one."""
    signatures = dict(loaded.signatures)
    if not signatures:
        raise ModelError("the SavedModel has no signature; save it with one")
    return from_concrete(signatures[_chosen(signature, signatures, "serving_default", "SavedModel")], loaded)


def _chosen(asked: str | None, names: Iterable[str], usual: str, what: str) -> str:
    """Return the name asked for, else the usual or the only one. Raises ModelError, which lists the names."""
    there = sorted(names)
    if asked is not None and asked not in there:
        raise ModelError(f"--signature {asked}: no such signature; the {what} has {', '.join(there)}")
    if asked is None and usual not in there and len(there) > 1:
        raise ModelError(
            f"the {what} has several signatures, and none is {usual}: choose one with --signature:"
            f" {', '.join(there)}"
        )
    return asked or (usual if usual in there else there[0])


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


def _static(spec: Any, batch: int, shape: Dims | None) -> Any:
    """Return the input with a shape that was asked for, or else with its batch dimension fixed.

    Raises ModelError if another dimension is open.
    """
    import tensorflow as tf

    if shape is not None:
        return tf.TensorSpec(shape, spec.dtype, name=spec.name)
    if spec.shape.rank is None:
        raise ModelError(f"input {spec.name} has no fixed number of dimensions; give them with --shape")
    sizes = spec.shape.as_list()
    if sizes and sizes[0] is None:
        sizes[0] = batch
    elif batch != 1 and sizes and sizes[0] != batch:
        raise ModelError(
            f"input {spec.name} is built for a batch of {sizes[0]}; a batch of {batch} needs None"
        )
    if None in sizes:
        raise ModelError(
            f"input {_described(spec)} has free dimensions; fix them with --shape,"
            f" for example --shape {spec.name}={'x'.join(str(size or 224) for size in sizes)}"
        )
    return tf.TensorSpec(sizes, spec.dtype, name=spec.name)
