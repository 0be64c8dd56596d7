"""Open delegates that are shared libraries, with the runtime's load_delegate."""

from __future__ import annotations

import ctypes
import os
import re
from typing import Any, Dict, Mapping, Optional

from . import elf
from .base import DelegateMissing
from .interpreter import Interpreter
from .runtime import Opened

# What every delegate library exports, see external_delegate_interface.h of TensorFlow Lite.
_SYMBOLS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")
_FAILED = "Failed to load delegate from %s"  # what the runtime puts before the library's own text
_NONE = "%s is no delegate library: it lacks %s"
_NOT_FOUND = re.compile(r"(\S+): cannot open shared object file: No such file")
_PACKAGES = {  # libraries that delegates need -> their Debian packages
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libc++.so.1": "libc++1",
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libOpenCL.so.1": "ocl-icd-libopencl1",
}


def open_with(
    runtime: Opened, model: str, threads: int, library: str, options: Mapping[str, Any]
) -> Interpreter:
    """Open a model with the library's delegate, without allocating tensors.

    Ops that are not delegated run as in an app with the runtime's defaults: on XNNPACK if it supports them.
    XNNPACK changes the nodes when tensors are allocated, so they are read before.
    Raises DelegateMissing if the library does not load or creates no delegate.
    """
    delegate = load(runtime, library, options)
    interpreter = runtime.module.Interpreter(
        model_path=model, num_threads=threads, experimental_delegates=[delegate]
    )
    return Interpreter(interpreter, nodes=interpreter._get_ops_details())


def load(runtime: Opened, library: str, options: Mapping[str, Any]) -> Any:
    """Create the library's delegate. Raises DelegateMissing if it does not load or creates none."""
    path = os.path.expanduser(library)
    problem = _in_the_file(library)
    if problem is not None:
        raise DelegateMissing(problem)
    try:
        return runtime.module.load_delegate(path, {key: _text(value) for key, value in options.items()})
    except OSError as error:
        raise DelegateMissing(_why(library, error)) from error
    except AttributeError as error:
        raise DelegateMissing(_NONE % (library, _SYMBOLS[0])) from error
    except ValueError as error:  # its text holds what the library reported, which may be nothing
        log = " ".join(str(error).replace(_FAILED % path, "").split())
        missing = DelegateMissing("%s gave no delegate: %s" % (library, log or "it does not say why"))
        missing.log = log
        raise missing from error


def unusable(library: str) -> Optional[str]:
    """Return why the file can't be a delegate, or None. Loads the library, but calls no function."""
    problem = _in_the_file(library)
    if problem is not None:
        return problem
    try:
        loaded = ctypes.CDLL(os.path.expanduser(library))
    except OSError as error:
        return _why(library, error)
    missing = [name for name in _SYMBOLS if not hasattr(loaded, name)]
    return _NONE % (library, missing[0]) if missing else None


def _in_the_file(library: str) -> Optional[str]:
    """Return what is wrong with the file without loading it: a truncated one would kill this process."""
    path = elf.find(library)
    return None if path is None else elf.problem(path)


def _why(library: str, error: OSError) -> str:
    """Return the dynamic linker's error; if another library is missing, its name and package."""
    found = _NOT_FOUND.match(str(error))
    if found is None or os.path.basename(found.group(1)) == os.path.basename(library):
        return "the library does not load: %s" % error
    package = _PACKAGES.get(found.group(1), "the package that has it")
    return "%s needs %s, which is not installed; install %s" % (library, found.group(1), package)


def loaded_from(library: str) -> str:
    """Return the path from which this process has loaded the library."""
    name = os.path.basename(library)
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            paths = {line.split(None, 5)[5].strip() for line in file if name.split(".so")[0] in line}
    except (OSError, IndexError):
        paths = set()
    return min(paths) if paths else library


def _text(value: Any) -> str:
    """Return an option's value as text, with booleans as in TOML."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def facts(library: str) -> Dict[str, Any]:
    """Return the facts about a library. Key: library, the path it was loaded from."""
    return {"library": loaded_from(os.path.expanduser(library))}
