"""external: any delegate library, named in the profile."""

from __future__ import annotations

from typing import Any, Dict, Optional

from . import library
from .base import Delegate, Options
from .interpreter import Interpreter
from .runtime import Opened


def _open(runtime: Opened, model: str, threads: int, options: Options) -> Interpreter:
    return library.open_with(runtime, model, threads, options["library"], options.get("options", {}))


def _missing(runtime: Opened, options: Options) -> Optional[str]:
    return library.unusable(options["library"])


def _facts(options: Options, log: str) -> Dict[str, Any]:
    return library.facts(options["library"])


DELEGATE = Delegate(
    "external",
    _open,
    _missing,
    facts=_facts,
    crash_hint="its library was built for one version of the runtime and may not fit this one",
)
