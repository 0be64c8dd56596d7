"""Find code in model files without loading them.

Keras 3 refuses code in its files by itself. Keras 2 (tf_keras) does not: it runs the Lambda layers of an
.h5, and imports any module that a .keras names. So a file is passed on to Keras 2 only if all that it holds
are Keras' own layers. In the graphs of a SavedModel, it looks for ops that call Python or write files.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import ModelError

REMEDY = "such a file is loaded only if you trust it: --trust-model (in Python: trust_model=True)"
LARGEST_CONFIG = 64 << 20  # bytes; the largest of keras.applications has 0.6 MB

_CALLING_LAYERS = ("Lambda", "ClassMethod", "InstanceMethod", "InstanceProperty")
_OWN_MODULE = re.compile(r"(tf_)?keras(\.\w+)*|builtins")
_CLASS = re.compile(r"(\w+>)?[A-Z]\w*|__\w+__|function")  # a module may also have "os.popen"
_TENSOR_NAMESPACES = ("math", "nn", "linalg", "image", "signal", "bitwise", "random", "__operators__")
_TENSOR_FUNCTIONS = """
    boolean_mask broadcast_to cast clip_by_norm clip_by_value concat convert_to_tensor einsum ensure_shape
    expand_dims eye fill gather gather_nd identity linspace meshgrid norm one_hot ones ones_like pad range
    rank repeat reshape reverse roll scatter_nd sequence_mask shape size slice sort space_to_batch split
    squeeze stack stop_gradient strided_slice tensordot tile transpose unique unstack where zeros zeros_like
    keras.backend.sigmoid keras.backend.relu
"""
_PYTHON_OPS = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


def refusal(what: str) -> ModelError:
    """Return the error for a file with code; `what` names the first such part."""
    return ModelError(f"{what}; {REMEDY}")


def is_refusal(error: BaseException) -> bool:
    """Return True if Keras itself refused a file that it would load with `safe_mode=False`."""
    return "safe_mode=False" in str(error) or "disallowed during deserialization" in str(error)


def code_in_keras_file(path: Path) -> str | None:
    """Return the first part of a Keras file that is not one of Keras' own layers, in words; or None.

    Raises ModelError if the file's configuration cannot be read.
    """
    return next(_code_in(_config(path), "the model"), None)


def weights_elsewhere(path: Path) -> str | None:
    """Return the first part of an .h5 that is in another file, in words; None if there is none."""
    import h5py

    found: list[str] = []

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.ExternalLink):
            found.append(f'its part "{name}" lies in the file {item.filename}')
        elif isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
            files = [str(source[0]) for source in item.external or item.virtual_sources()]
            found.append(f'its part "{name}" lies in the file {files[0] if files else "?"}')

    try:
        with h5py.File(path, "r") as file:
            file.visititems_links(look)
            file.visititems(look)
    except OSError:  # not an .h5: loading it reports that
        return None
    return next(iter(found), None)


def code_in_saved_model(folder: Path) -> str | None:
    """Return the first op in a SavedModel's graphs that calls Python or writes a file, in words."""
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    try:
        proto.ParseFromString((folder / "saved_model.pb").read_bytes())
    except Exception as error:
        raise ModelError(f"saved_model.pb cannot be read: {error}") from None
    return next(filter(None, (code_in_graph(meta.graph_def) for meta in proto.meta_graphs)), None)


def code_in_graph(graph_def: Any) -> str | None:
    """Return the first op in a GraphDef or its functions that calls Python or writes a file, in words."""
    nodes = [*graph_def.node, *(node for f in graph_def.library.function for node in f.node_def)]
    return next(filter(None, map(_program, nodes)), None)


def _program(node: Any) -> str | None:
    if node.op in _PYTHON_OPS:
        return f"its graph calls Python (the op {node.op})"
    printed_to = node.attr["output_stream"].s if "output_stream" in node.attr else b""
    if node.op == "WriteFile" or printed_to.startswith(b"file://"):
        return f"its graph writes a file (the op {node.op})"
    return None


def _config(path: Path) -> Any:
    """Read a Keras file's configuration from where Keras 2 reads it."""
    try:
        if path.name.endswith(".keras") and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo("config.json").file_size > LARGEST_CONFIG:
                    raise ModelError(f"its config.json is larger than {LARGEST_CONFIG >> 20} MiB")
                return json.loads(archive.read("config.json"))
        import h5py

        with h5py.File(path, "r") as file:
            return json.loads(file.attrs["model_config"])
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(f"its configuration cannot be read: {error}") from None


def _code_in(value: Any, where: str) -> Iterator[str]:
    """Yield every part that is code, depth first; `where` names the layer that the part is in."""
    if isinstance(value, list):
        for item in value:
            yield from _code_in(item, where)
    if not isinstance(value, dict):
        return
    kind, config = value.get("class_name"), value.get("config")
    if isinstance(kind, str):
        where = f'its layer "{_name(value, config)}" ({kind})' if _name(value, config) else where
        yield from _code_of(kind, config, where)
    if any(key.endswith("_type") and item == "lambda" for key, item in value.items()):
        yield f"{where} holds Python code"
    if isinstance(value.get("vocabulary"), str):
        yield f"{where} reads the file {value['vocabulary']}"
    module = value.get("module")
    if isinstance(module, str) and not _OWN_MODULE.fullmatch(module):
        yield f"{where} names the Python module {module}"
    if isinstance(module, str):
        yield from _functions_of(kind, value.get("registered_name"), config, where)
    for item in value.values():
        yield from _code_in(item, where)


def _code_of(kind: str, config: Any, where: str) -> Iterator[str]:
    if kind.rpartition(">")[2] in _CALLING_LAYERS or kind == "__lambda__":
        yield f"{where} holds Python code"
    elif kind == "function" and not _is_activation(config):
        yield f"{where} names the Python function {config}"
    elif kind in ("TFOpLambda", "SlicingOpLambda") and not _computes(_text(config, "function")):
        yield f"{where} calls {_text(config, 'function')}"
    elif kind == "TensorFlowOpLayer":
        found = re.search(r"\w*PyFunc\w*|WriteFile|file://", _text(config, "node_def"))
        if found is not None:
            yield f"{where} holds the op {found[0]}"


def _functions_of(kind: Any, registered: Any, config: Any, where: str) -> Iterator[str]:
    """Yield functions that Keras 2 would import from a module although a class is expected there."""
    for name in (kind, registered):
        if isinstance(name, str) and not _CLASS.fullmatch(name) and (kind != "function" or name != config):
            yield f"{where} names the Python function {name}"


def _text(config: Any, key: str) -> str:
    return str(config.get(key)) if isinstance(config, dict) else ""


def _name(value: Mapping[str, object], config: Any) -> str | None:
    name = config.get("name") if isinstance(config, dict) else None
    return next((str(n) for n in (name, value.get("name")) if isinstance(n, str)), None)


def _is_activation(name: Any) -> bool:
    import tf_keras

    return isinstance(name, str) and hasattr(tf_keras.activations, name)


def _computes(function: str) -> bool:
    """Return True for TensorFlow's functions on tensors; others may write files or load libraries."""
    import tensorflow as tf

    namespace, _, name = function.rpartition(".")
    if not namespace:
        return name in _TENSOR_FUNCTIONS.split() or hasattr(tf.math, name)
    return function in _TENSOR_FUNCTIONS.split() or namespace.split(".")[0] in _TENSOR_NAMESPACES
