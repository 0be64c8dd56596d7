"""gpu: LiteRT's own accelerator (WebGPU over Vulkan), or a delegate library named in the profile."""

from __future__ import annotations

import glob
import os
import re
from typing import Any, Dict, Optional

from ..wire import Ops
from . import gpu_log, library, vulkan
from .base import Delegate, DelegateMissing, Options, ops_of_nodes
from .compiled import CompiledInterpreter
from .interpreter import Interpreter
from .runtime import Opened

_RUNTIME = "ai-edge-litert"


def _open(runtime: Opened, model: str, threads: int, options: Options) -> Interpreter:
    if "library" in options:
        return library.open_with(runtime, model, threads, options["library"], options.get("options", {}))
    from ai_edge_litert import compiled_model as litert

    wanted = litert.HardwareAccelerator.GPU
    if options.get("fallback", True):
        wanted |= litert.HardwareAccelerator.CPU
    compiled = litert.CompiledModel.from_file(
        model,
        options=litert.Options(
            hardware_accelerators=wanted,
            cpu_options=litert.CpuOptions(num_threads=threads),
            # In this mode a run ends when the GPU has finished, not when its work has been queued.
            gpu_options=litert.GpuOptions(
                enforce_f32=options.get("precision") == "float32", benchmark_mode=True
            ),
        ),
    )
    plain = runtime.module.Interpreter(model_path=model, num_threads=threads)
    return Interpreter(CompiledInterpreter(compiled, plain))


def _missing(runtime: Opened, options: Options) -> Optional[str]:
    if "library" in options:
        return library.unusable(options["library"])
    if runtime.name != _RUNTIME:
        return "gpu needs the runtime ai-edge-litert, or a delegate library named in the profile"
    folder = os.path.dirname(runtime.module.__file__)
    if not glob.glob(os.path.join(folder, "libLiteRt*Accelerator.*")) or not _has_options():
        return "%s %s brings no GPU accelerator for this machine; name a delegate library in the profile" % (
            runtime.name,
            runtime.version,
        )
    return vulkan.why_none()


def _has_options() -> bool:
    try:
        from ai_edge_litert import compiled_model
    except ImportError:
        return False
    return hasattr(compiled_model, "GpuOptions")


def _ops(interpreter: Interpreter) -> Ops:
    if interpreter.nodes is not None:  # a library's
        return ops_of_nodes(interpreter)
    return gpu_log.ops(interpreter.log, ops_of_nodes(interpreter))


def _facts(options: Options, log: str) -> Dict[str, Any]:
    """Return the facts. Keys: library; or adapter, backend, kind, software (bool), precision."""
    if "library" in options:
        return library.facts(options["library"])
    found = gpu_log.adapter(log)
    return {**found, "precision": options.get("precision", "float16")}


def _explain(error: Exception, log: str, options: Options) -> Exception:
    if "library" in options:
        return error
    if gpu_log.NO_ADAPTER in log:
        return DelegateMissing(vulkan.why_none() or gpu_log.why_no_adapter(log))
    reason = gpu_log.why_failed(str(error), log)
    if reason is None:  # LiteRT puts the name of a source file before each part of its text
        reason = " ".join(re.sub(r"└|ERROR: |\[\S+?:\d+\]", " ", str(error)).split())
    return RuntimeError(reason)


def _software(options: Options) -> Optional[str]:
    name = None if "library" in options else vulkan.only_software()
    return name and "the only Vulkan device is software: %s" % name


DELEGATE = Delegate(
    "gpu",
    _open,
    _missing,
    keeps_log=True,
    ops=_ops,
    facts=_facts,
    explain=_explain,
    software=_software,
    crash_hint="GPU drivers do that; another driver, or precision or fallback set otherwise, may not",
)
