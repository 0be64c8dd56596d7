"""All accelerators: the modules of this package that have an ACCELERATOR.

A module has the name of its delegate, and is imported on first use.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator, Mapping

from harness.accelerators.base import Accelerator

_PACKAGE = __name__.rpartition(".")[0]


class Registry(Mapping[str, Accelerator]):
    """Delegate name -> accelerator, sorted by name."""

    def __init__(self) -> None:
        self._known: dict[str, Accelerator] = {}

    def __getitem__(self, name: str) -> Accelerator:
        """Return the accelerator of that name. Raises KeyError for an unknown delegate."""
        if name not in self._known:
            found = _load(name)
            if found is None:
                raise KeyError(name)
            self._known[name] = found
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        folder = importlib.import_module(_PACKAGE).__path__
        names = sorted(module.name for module in pkgutil.iter_modules(folder))
        return (name for name in names if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _load(name: str) -> Accelerator | None:
    """Load the accelerator in the module of that name; None if there is none."""
    if not name.isidentifier() or importlib.util.find_spec(f"{_PACKAGE}.{name}") is None:
        return None
    found = getattr(importlib.import_module(f"{_PACKAGE}.{name}"), "ACCELERATOR", None)
    return found if isinstance(found, Accelerator) else None


ACCELERATORS: Mapping[str, Accelerator] = Registry()


def label(name: str) -> str:
    """Return a delegate's name for sentences; an unknown name (of an older run, say) as it is."""
    found = ACCELERATORS.get(name)
    return name if found is None else found.label


def barring() -> frozenset[str]:
    """Return the codes of all warnings with which a cell cannot be the fastest."""
    return frozenset(code for accelerator in ACCELERATORS.values() for code in accelerator.barring)
