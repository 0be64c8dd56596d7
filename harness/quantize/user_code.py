"""Import a user's callable, `package.module:callable`; the only place where qbench imports user code."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from harness.errors import ModelError
from harness.models.trees import OtherTree


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


def check_origin(modules: Iterable[str], tree: OtherTree) -> None:
    """Raise ModelError if a module comes from the original of `tree` although the tree has it, too.

    An editable install does that: both sides would be made by the same code.
    """
    for name in sorted(modules):
        file = getattr(sys.modules.get(name), "__file__", None)
        there = None if file is None else tree.counterpart(Path(file))
        if there is not None and there.exists():
            where = there.relative_to(tree.root)
            raise ModelError(
                f"module {name} is imported from {file}, not from {where} of the other side: is it installed"
                " from there?"
            )
