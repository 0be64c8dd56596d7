"""Find a cell by its names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from harness.errors import CellNotFound

_LISTED = 8  # most cells named in an error message


class Named(Protocol):
    """What has the names of a cell."""

    @property
    def id(self) -> str | None:
        """The cell's id."""

    @property
    def model(self) -> str:
        """Its model."""

    @property
    def variant(self) -> str:
        """Its variant."""

    @property
    def delegate(self) -> str:
        """Its delegate."""

    @property
    def device(self) -> str:
        """Its device."""

    @property
    def threads(self) -> int:
        """Its number of threads."""


T = TypeVar("T", bound=Named)


def find(cells: Sequence[T], key: str | tuple[str | int, ...]) -> T:
    """Return the cell that a key names: its id, or variant, delegate, device and model, and threads.

    As many of the names are needed as it takes to be unique; an integer is a number of threads. Raises
    CellNotFound, a KeyError, if no cell or more than one matches.
    """
    asked = key if isinstance(key, tuple) else (key,)
    by_id = [cell for cell in cells if cell.id == key]
    names = [part for part in asked if isinstance(part, str)]
    threads = [part for part in asked if not isinstance(part, str)]
    matching = by_id or [
        cell
        for cell in cells
        if [cell.variant, cell.delegate, cell.device, cell.model][: len(names)] == names
        and all(cell.threads == number for number in threads)
    ]
    if len(matching) == 1:
        return matching[0]
    what = "/".join(map(str, asked))
    listed = "; ".join(_label(cell) for cell in (matching or cells)[:_LISTED])
    if matching:
        raise CellNotFound(f"{len(matching)} cells are called {what}: {listed}; name more of one")
    raise CellNotFound(f"no cell is called {what}; there are {listed}")


def _label(cell: Named) -> str:
    threads = f" with {cell.threads} threads" if cell.threads > 1 else ""
    return f"{cell.model} {cell.variant}/{cell.delegate}@{cell.device}{threads}"
