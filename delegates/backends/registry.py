"""All delegates: each module of this package with a DELEGATE is one, and is named like it.

A module is imported when it is asked for: a worker needs one of them.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import List

from .base import Delegate

_PACKAGE = __name__.rpartition(".")[0]


def find(name: str) -> Delegate:
    """The delegate of that name. Raises LookupError if there is none."""
    module = "%s.%s" % (_PACKAGE, name)
    try:
        found = getattr(importlib.import_module(module), "DELEGATE", None) if name.isidentifier() else None
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        found = None
    if not isinstance(found, Delegate):
        raise LookupError("no delegate %s: delegates/backends/%s.py has no DELEGATE" % (name, name))
    return found


def names() -> List[str]:
    """The names of all delegates, in alphabetical order; imports them all."""
    folder = importlib.import_module(_PACKAGE).__path__
    modules = (module.name for module in pkgutil.iter_modules(folder))
    return sorted(name for name in modules if _is_delegate(name))


def _is_delegate(name: str) -> bool:
    try:
        return find(name).name == name
    except LookupError:
        return False
