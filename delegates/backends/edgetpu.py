"""edgetpu: Coral's Edge TPU through libedgetpu, for models that edgetpu_compiler has compiled.

Built from the documented interface, not yet verified on hardware: see docs/edgetpu.md.
"""

from __future__ import annotations

import ctypes
import glob
import os
import sys
from typing import Any, Dict, List, Optional, Sequence

from . import coral, elf, library
from .base import Delegate, DelegateMissing, Options
from .interpreter import Interpreter
from .runtime import Opened

_LIBRARIES = {"darwin": "libedgetpu.1.dylib", "win32": "edgetpu.dll"}

# Errors of the library, and what they mean. Source: its issue tracker.
_MEANINGS = (
    (
        "requires runtime version",
        "the model was compiled for a newer Edge TPU runtime than this library; update libedgetpu, or compile"
        ' with compiler_args = ["--min_runtime_version", "13"]',
    ),
    (
        "Unsupported data type in custom op handler",
        "wrong runtime build: this libedgetpu was built for another version of the TFLite runtime; install a"
        " build that fits (docs/edgetpu.md)",
    ),
    (
        "unresolved custom op: edgetpu-custom-op",
        "the library took no part of this compiled model",
    ),
    (
        "Edge TPU is not ready",
        "the Edge TPU did not answer; unplug it once, prefer a port of its own to a hub",
    ),
)


def _open(runtime: Opened, model: str, threads: int, options: Options) -> Interpreter:
    return library.open_with(runtime, model, threads, _library(options), _device(options))


def _missing(runtime: Opened, options: Options) -> Optional[str]:
    """Return why no model can be opened. Loads the library: only it knows which devices it supports."""
    problem = library.unusable(_library(options))
    if problem is None:
        try:
            library.load(runtime, _library(options), _device(options))
        except DelegateMissing as error:
            return _why_none(options, error)
        return None
    causes = [_no_library(options, problem)]
    if coral.chosen(coral.find(), options.get("device", "")) is None:
        causes.append(coral.why_none(options.get("device", "")))
    return "; then ".join(causes)  # in the order in which they are to be fixed


def _why_none(options: Options, error: DelegateMissing) -> str:
    """Return what the system shows about the device, and what the library wrote, if anything."""
    why = coral.why_none(options.get("device", ""))
    return "%s (it says: %s)" % (why, error.log) if error.log else why


def _no_library(options: Options, problem: str) -> str:
    """Return what to do about a library with a `problem`, or one that is not installed."""
    name, named = _library(options), bool(options.get("library"))
    if elf.find(name) is not None:
        return "no usable library: %s" % problem
    text = "no library: %s" % problem.replace("the library does not load: ", "")
    other = pypi_pycoral()
    if other:
        text += "; the pycoral installed here is %s, not Google's, and brings none" % other
    if named:
        return text + '; correct library = "%s" in the profile (docs/edgetpu.md)' % name
    return text + '; install libedgetpu1-std, or name the library in the profile with library = "…"'


def _explain(error: Exception, log: str, options: Options) -> Exception:
    if isinstance(error, DelegateMissing):
        problem = library.unusable(_library(options))
        if problem is None:
            return DelegateMissing(_why_none(options, error))
        return DelegateMissing(_no_library(options, problem))
    for words, meaning in _MEANINGS:
        if words in str(error):
            return RuntimeError("%s (%s)" % (meaning, " ".join(str(error).split())))
    return error


def _facts(options: Options, log: str) -> Dict[str, Any]:
    """Return the known facts about library and device.

    Keys: library, library_build (std, max), runtime (the library's version), device, transport,
    temperature_c, devices_seen_by_pycoral.
    """
    path = library.loaded_from(os.path.expanduser(_library(options)))
    tpu = coral.chosen(coral.find(), options.get("device", ""))
    found: Dict[str, Any] = {
        "library": path,
        "library_build": _build(path),
        "runtime": _runtime_version(_library(options)),
        "device": None if tpu is None else tpu.node,
        "transport": None if tpu is None else tpu.transport,
        "temperature_c": None if tpu is None else tpu.temperature_c,
        "devices_seen_by_pycoral": _listed_by_pycoral(),
    }
    return {key: value for key, value in found.items() if value is not None}


def _library(options: Options) -> str:
    return str(options.get("library") or _LIBRARIES.get(sys.platform, "libedgetpu.so.1"))


def _device(options: Options) -> Dict[str, Any]:
    """Return the options that libedgetpu gets: the device, and what the profile gives in `options`."""
    device = {"device": options["device"]} if options.get("device") else {}
    return {**device, **options.get("options", {})}


def _build(path: str) -> Optional[str]:
    """Return the library's build by its path: "std" (lower USB clock), "max", or None if unknown."""
    packaged = path.startswith("/usr/lib/")
    for build, folder in (("std", "/throttled/"), ("max", "/direct/")):  # folders of Google's archive
        if folder in path or (packaged and glob.glob("/var/lib/dpkg/info/libedgetpu1-%s*.list" % build)):
            return build
    return None


def _runtime_version(name: str) -> Optional[str]:
    try:
        version = ctypes.CDLL(os.path.expanduser(name)).edgetpu_version
        version.restype = ctypes.c_char_p
        return str(version().decode("ascii", "replace"))
    except (OSError, AttributeError):
        return None


def pypi_pycoral() -> Optional[str]:
    """Return the summary of PyPI's `pycoral`, if that is installed instead of Google's; else None."""
    from importlib import import_module, util

    spec = util.find_spec("pycoral")
    if spec is None or _is_googles(spec.submodule_search_locations or []):
        return None
    try:
        metadata = import_module("importlib.metadata")  # Python 3.8 and newer
        return '"%s"' % (metadata.metadata("pycoral")["Summary"] or "another project")
    except Exception:  # no metadata, or none that can be read
        return "another project"


def _is_googles(folders: Sequence[str]) -> bool:
    return any(os.path.exists(os.path.join(folder, "utils", "edgetpu.py")) for folder in folders)


def _listed_by_pycoral() -> Optional[List[Any]]:
    """Return the devices that Google's pycoral lists; None if it can't be imported.

    It needs tflite-runtime, so it is not imported beside another runtime.
    """
    from importlib import import_module, util

    spec = util.find_spec("pycoral")
    if spec is None or not _is_googles(spec.submodule_search_locations or []):
        return None
    if "tflite_runtime" not in sys.modules:
        return None
    try:
        return list(import_module("pycoral.utils.edgetpu").list_edge_tpus())
    except Exception:  # an extension module for another Python or runtime
        return None


DELEGATE = Delegate(
    "edgetpu",
    _open,
    _missing,
    facts=_facts,
    explain=_explain,
    crash_hint="Google's libedgetpu is reported to crash with newer runtimes than it was built for: see"
    " docs/edgetpu.md for builds that fit",
)
