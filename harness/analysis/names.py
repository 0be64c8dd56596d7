"""How cells are called: in messages and by --baseline, and in several runs at once."""

from __future__ import annotations

from harness.record import BaselineName, Cell, Row

Key = tuple[str, BaselineName]  # model and the rest of what tells cells of a run apart


def name(cell: Cell) -> BaselineName:
    """A cell in the words of --baseline."""
    return BaselineName(cell.variant.name, cell.delegate.name, cell.device.name, cell.threads)


def key(cell: Cell) -> Key:
    """The same for the same cell in several runs."""
    return cell.model, name(cell)


def key_of_row(row: Row) -> Key:
    """The key of the cell that a row is of."""
    return row.model, BaselineName(row.variant, row.delegate, row.device, row.threads)
