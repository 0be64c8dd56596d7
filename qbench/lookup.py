"""Find a cell by its names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from harness.errors import CellNotFound
from harness.record import subject

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

    @property
    def shape(self) -> str | None:
        """The shape asked for."""

    @property
    def signature(self) -> str | None:
        """The signature asked for."""


T = TypeVar("T", bound=Named)


def find(cells: Sequence[T], key: str | tuple[str | int, ...]) -> T:
    """Return the cell that a key names: its id, or variant, delegate, device, model and signature.

    As many of the names are needed as it takes to be unique. Anywhere among them, an integer is a number of
    threads, and one of the cells' shapes ("x=1x96x96x3") is a shape. Raises CellNotFound, a KeyError, if no
    cell or more than one matches.
    """
    asked = key if isinstance(key, tuple) else (key,)
    by_id = [cell for cell in cells if cell.id == key]
    shapes = [part for part in asked if part in {cell.shape for cell in cells}]
    names = [part for part in asked if isinstance(part, str) and part not in shapes]
    threads = [part for part in asked if not isinstance(part, str)]
    matching = by_id or [
        cell
        for cell in cells
        if [cell.variant, cell.delegate, cell.device, cell.model, cell.signature][: len(names)] == names
        and all(cell.threads == number for number in threads)
        and all(cell.shape == shape for shape in shapes)
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
    return f"{subject(cell)} {cell.variant}/{cell.delegate}@{cell.device}{threads}"
