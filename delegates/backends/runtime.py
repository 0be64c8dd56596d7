"""Find the TFLite runtimes of this Python, and open one (one per process)."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from typing import Any, Dict, List, NamedTuple, Tuple

from ..wire import Runtime

# name -> (top package, module that holds Interpreter); `auto` takes the first that is installed.
RUNTIMES: Dict[str, Tuple[str, str]] = {
    "ai-edge-litert": ("ai_edge_litert", "ai_edge_litert.interpreter"),
    "tflite-runtime": ("tflite_runtime", "tflite_runtime.interpreter"),
    "tensorflow": ("tensorflow", "tensorflow.lite.python.interpreter"),
}


class RuntimeMissing(Exception):
    """The runtime is not installed or does not import; the text says which and why."""


class Opened(NamedTuple):
    """An imported runtime. `module` has Interpreter, load_delegate and (since 2.5) OpResolverType.

    For a delegate that uses a tool of its own, `module` is whatever its functions need.
    """

    name: str
    version: str
    module: Any


def installed() -> List[Runtime]:
    """Return the runtimes that this Python has, without importing any."""
    return [
        Runtime(name, _version(name, package)) for name, (package, _) in RUNTIMES.items() if _has(package)
    ]


@functools.lru_cache(maxsize=None)
def open_runtime(name: str) -> Opened:
    """Import a runtime by name; for "auto" the first that is installed. Raises RuntimeMissing."""
    wanted = [name] if name != "auto" else [n for n, (package, _) in RUNTIMES.items() if _has(package)]
    if not wanted:
        raise RuntimeMissing(
            "this Python has no TFLite runtime; install ai-edge-litert, or tflite-runtime on older Pythons"
        )
    package, module = RUNTIMES[wanted[0]]
    try:
        return Opened(wanted[0], _version(wanted[0], package), importlib.import_module(module))
    except Exception as error:  # a broken native library can raise anything
        raise RuntimeMissing("%s does not import: %s" % (wanted[0], _one_line(error))) from error


def _has(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _version(name: str, package: str) -> str:
    try:
        metadata = importlib.import_module("importlib.metadata")  # Python 3.8 and newer
    except ImportError:
        return str(getattr(importlib.import_module(package), "__version__", "unknown"))
    for distribution in (name, package, name + "-cpu"):
        try:
            return str(metadata.version(distribution))
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
