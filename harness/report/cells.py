"""Names of cells, and the hardware that they ran on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.analysis.conclusion import Cell, could_be_one

__all__ = ["Cell", "could_be_one", "hardware", "is_software", "on_threads", "place"]


def hardware(cell: Cell) -> Mapping[str, Any]:
    """The delegate's facts about the hardware it used; empty in runs stored before it was asked."""
    facts = cell.get("delegate_facts")
    return facts if isinstance(facts, Mapping) else {}


def is_software(cell: Cell) -> bool:
    """True where the CPU played the accelerator."""
    return bool(hardware(cell).get("software"))


def place(cell: Cell) -> str:
    """The delegate, and the device where it is called otherwise."""
    delegate, device = cell["delegate"], cell["device"]
    name = str(delegate) if delegate == device else f"{delegate}@{device}"
    return f"{name} (software)" if is_software(cell) else name


def on_threads(cell: Cell) -> str:
    """The number of threads, for the name of a cell where others differ in that alone: " (2 threads)"."""
    return f" ({cell['threads']} thread{'' if cell['threads'] == 1 else 's'})"
