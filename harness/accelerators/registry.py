"""All accelerators, found by listing this package: each module with an ACCELERATOR is one.

A module is named like its delegate, and imported when it is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator, Mapping

from harness.accelerators.base import Accelerator

_PACKAGE = __name__.rpartition(".")[0]


class Registry(Mapping[str, Accelerator]):
    """Delegate name -> what home knows of it, in the order of their names."""

    def __init__(self) -> None:
        self._known: dict[str, Accelerator] = {}

    def __getitem__(self, name: str) -> Accelerator:
        """Raises KeyError for an unknown delegate."""
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
    """The accelerator in the module of that name; an error while it is imported is raised as it is."""
    if not name.isidentifier() or importlib.util.find_spec(f"{_PACKAGE}.{name}") is None:
        return None
    found = getattr(importlib.import_module(f"{_PACKAGE}.{name}"), "ACCELERATOR", None)
    return found if isinstance(found, Accelerator) else None


ACCELERATORS: Mapping[str, Accelerator] = Registry()


def label(name: str) -> str:
    """A delegate in sentences; its name if it is none of this qbench's (of a stored run, say)."""
    found = ACCELERATORS.get(name)
    return name if found is None else found.label


def barring() -> frozenset[str]:
    """Codes of warnings of all delegates with which a cell can't be the fastest."""
    return frozenset(code for accelerator in ACCELERATORS.values() for code in accelerator.barring)
