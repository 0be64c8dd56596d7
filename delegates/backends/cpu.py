"""cpu: the runtime's own kernels, XNNPACK off."""

from __future__ import annotations

from .base import Delegate, Options
from .interpreter import Interpreter
from .runtime import Opened


def _open(runtime: Opened, model: str, threads: int, options: Options) -> Interpreter:
    resolvers = getattr(runtime.module, "OpResolverType", None)
    extra = {}
    if resolvers is not None:  # runtimes without it have no default delegate to switch off
        extra["experimental_op_resolver_type"] = resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return Interpreter(runtime.module.Interpreter(model_path=model, num_threads=threads, **extra))


DELEGATE = Delegate("cpu", _open, all_delegated=True, on_cpu=True, forks=True)
