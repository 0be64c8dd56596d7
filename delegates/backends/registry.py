"""Find delegates by name: each module of this package with a constant DELEGATE is one.

Modules are imported on demand, because a worker needs only one of them.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import List

from .base import Delegate

_PACKAGE = __name__.rpartition(".")[0]


def find(name: str) -> Delegate:
    """Return the delegate of that name. Raises LookupError if there is none."""
    module = "%s.%s" % (_PACKAGE, name)
    try:
        delegate = getattr(importlib.import_module(module), "DELEGATE", None) if name.isidentifier() else None
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        delegate = None
    if not isinstance(delegate, Delegate):
        raise LookupError("no delegate %s: delegates/backends/%s.py has no DELEGATE" % (name, name))
    return delegate


def names() -> List[str]:
    """Return the names of all delegates in alphabetical order. Imports them all."""
    folder = importlib.import_module(_PACKAGE).__path__
    modules = (module.name for module in pkgutil.iter_modules(folder))
    return sorted(name for name in modules if _is_delegate(name))


def _is_delegate(name: str) -> bool:
    try:
        return find(name).name == name
    except LookupError:
        return False
