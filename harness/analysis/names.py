"""The names of cells, in messages, for --baseline and across runs."""

from __future__ import annotations

from harness.record import BaselineName, Cell, Row, Side, Subject, subject

Key = tuple[Subject, BaselineName, Side | None]  # subject, cell name and side: unique in a run


def name(cell: Cell) -> BaselineName:
    """Return the name of a cell, without its model."""
    return BaselineName(cell.variant.name, cell.delegate.name, cell.device.name, cell.threads)


def key(cell: Cell) -> Key:
    """Return a key that is the same for the same cell in several runs."""
    return subject(cell), name(cell), cell.side


def key_of_row(row: Row) -> Key:
    """Return the key of a row's cell."""
    return subject(row), BaselineName(row.variant, row.delegate, row.device, row.threads), row.side
