"""Delegates that are libraries: opened with load_delegate, asked what they are."""

from __future__ import annotations

import ctypes
import os
import re
from typing import Any, Dict, Mapping, Optional

from . import elf
from .base import DelegateMissing
from .interpreter import InterpreterSession
from .runtime import Opened

# What every delegate library exports, see external_delegate_interface.h of TensorFlow Lite.
_SYMBOLS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")
_FAILED = "Failed to load delegate from %s"  # the runtime's words before those of the library
_NONE = "%s is no delegate library: it lacks %s"
_NOT_FOUND = re.compile(r"(\S+): cannot open shared object file: No such file")
_PACKAGES = {  # of Debian, with what delegates are known to need
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libc++.so.1": "libc++1",
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libOpenCL.so.1": "ocl-icd-libopencl1",
}


def open_with(
    runtime: Opened, model: str, threads: int, library: str, options: Mapping[str, Any]
) -> InterpreterSession:
    """The model with the library's delegate, tensors not yet allocated.

    What the delegate leaves runs as it does in an app that uses the runtime's defaults: on XNNPACK where
    that takes it. XNNPACK comes in when tensors are allocated, so the nodes are read here.
    Raises DelegateMissing where the library does not load or gives no delegate.
    """
    delegate = load(runtime, library, options)
    interpreter = runtime.module.Interpreter(
        model_path=model, num_threads=threads, experimental_delegates=[delegate]
    )
    return InterpreterSession(interpreter, nodes=interpreter._get_ops_details())


def load(runtime: Opened, library: str, options: Mapping[str, Any]) -> Any:
    """The library's delegate. Raises DelegateMissing where the library does not load or gives none."""
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
    except ValueError as error:  # with what the library reported, which may be nothing
        said = " ".join(str(error).replace(_FAILED % path, "").split())
        missing = DelegateMissing("%s gave no delegate: %s" % (library, said or "it does not say why"))
        missing.said = said
        raise missing from error


def unusable(library: str) -> Optional[str]:
    """Why the file can't be loaded as a delegate, or None. Nothing of it is called but its constructors."""
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
    """Looked at before it is loaded: a truncated library would end this process."""
    path = elf.find(library)
    return None if path is None else elf.problem(path)


def _why(library: str, error: OSError) -> str:
    """The dynamic linker's words; where it is another library that is missing, which, and its package."""
    found = _NOT_FOUND.match(str(error))
    if found is None or os.path.basename(found.group(1)) == os.path.basename(library):
        return "the library does not load: %s" % error
    package = _PACKAGES.get(found.group(1), "the package that has it")
    return "%s needs %s, which is not installed; install %s" % (library, found.group(1), package)


def loaded_from(library: str) -> str:
    """Where this process has the library from: a name is looked up by the dynamic linker."""
    name = os.path.basename(library)
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            paths = {line.split(None, 5)[5].strip() for line in file if name.split(".so")[0] in line}
    except (OSError, IndexError):
        paths = set()
    return min(paths) if paths else library


def _text(value: Any) -> str:
    """TOML's true is true to a library, too."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def facts(library: str) -> Dict[str, Any]:
    return {"library": loaded_from(os.path.expanduser(library))}
