"""Import a user's callable, `package.module:callable`; the only place where qbench imports user code."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.errors import ModelError


def find(text: str) -> Callable[..., Any]:
    """Find the callable; modules of the working directory can be imported.

    Raises ModelError if there is no such module or callable, and whatever importing the module raises.
    """
    module_name, _, path = text.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not module_name.startswith(error.name or "\0"):
            raise
        raise ModelError(f"no module {error.name}, neither installed nor in {Path.cwd()}") from None
    for name in path.split("."):
        if not hasattr(found, name):
            close = difflib.get_close_matches(name, dir(found), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ModelError(f'no "{name}" in {module_name}{hint}')
        found = getattr(found, name)
    if not callable(found):
        raise ModelError(f"it is not callable but of type {type(found).__name__}")
    return found  # type: ignore[no-any-return]
