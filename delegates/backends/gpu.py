"""gpu: LiteRT's own accelerator (WebGPU over Vulkan), or a delegate library named in the profile."""

from __future__ import annotations

import glob
import os
import re
from typing import Any, Dict, Optional

from ..wire import Ops
from . import gpu_log, library, vulkan
from .base import Delegate, DelegateMissing, Options, from_nodes
from .compiled import CompiledInterpreter
from .interpreter import InterpreterSession
from .runtime import Opened

_RUNTIME = "ai-edge-litert"


def _open(runtime: Opened, model: str, threads: int, options: Options) -> InterpreterSession:
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
            # In this mode a run ends when the GPU has finished, not when it has been told what to do.
            gpu_options=litert.GpuOptions(
                enforce_f32=options.get("precision") == "float32", benchmark_mode=True
            ),
        ),
    )
    plain = runtime.module.Interpreter(model_path=model, num_threads=threads)
    return InterpreterSession(CompiledInterpreter(compiled, plain))


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


def _ops(session: InterpreterSession) -> Ops:
    if session.nodes is not None:  # a library's
        return from_nodes(session)
    return gpu_log.ops(session.said, from_nodes(session))


def _facts(options: Options, said: str) -> Dict[str, Any]:
    """library, or: adapter, kind, software (true where the CPU plays the GPU), precision asked for."""
    if "library" in options:
        return library.facts(options["library"])
    found = gpu_log.adapter(said)
    return {**found, "precision": options.get("precision", "float16")}


def _explain(error: Exception, said: str, options: Options) -> Exception:
    if "library" in options:
        return error
    if gpu_log.NO_ADAPTER in said:
        return DelegateMissing(vulkan.why_none() or gpu_log.why_no_adapter(said))
    reason = gpu_log.why_failed(str(error), said)
    if reason is None:  # LiteRT puts its source files before each part of what it says
        reason = " ".join(re.sub(r"└|ERROR: |\[\S+?:\d+\]", " ", str(error)).split())
    return RuntimeError(reason)


def _software(options: Options) -> Optional[str]:
    name = None if "library" in options else vulkan.only_software()
    return name and "the only Vulkan device is software: %s" % name


DELEGATE = Delegate(
    "gpu",
    _open,
    _missing,
    talks=True,
    ops=_ops,
    facts=_facts,
    explain=_explain,
    software=_software,
    crash_hint="GPU drivers do that; another driver, or precision or fallback set otherwise, may not",
)
