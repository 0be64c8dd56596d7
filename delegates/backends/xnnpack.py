"""xnnpack: the runtime's built-in XNNPACK delegate."""

from __future__ import annotations

from typing import Optional

from .base import Delegate, Options
from .interpreter import Interpreter
from .runtime import Opened


def _open(runtime: Opened, model: str, threads: int, options: Options) -> Interpreter:
    resolver = runtime.module.OpResolverType.AUTO
    return Interpreter(
        runtime.module.Interpreter(
            model_path=model, num_threads=threads, experimental_op_resolver_type=resolver
        )
    )


def _missing(runtime: Opened, options: Options) -> Optional[str]:
    if hasattr(runtime.module, "OpResolverType"):
        return None
    return "%s %s is too old to switch XNNPACK on and off" % (runtime.name, runtime.version)


DELEGATE = Delegate("xnnpack", _open, _missing, on_cpu=True, forks=True)
