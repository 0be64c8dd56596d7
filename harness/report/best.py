"""Which cell of those compared with the same baseline is the one to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Cell = Mapping[str, Any]  # a cell of the result document

# Another model, a GPU that is none, outputs that are none or wrong: fast means nothing there.
_NO_WINNERS = {"interface-differs", "software-gpu", "gpu-float16", "delegate-differs"}


def best_cells(cells: Sequence[Cell]) -> list[Cell]:
    """The fastest measured cell for each model and baseline; nothing where there was nothing to compare.

    A cell whose speedup could as well be 1 is no winner; one that is another model, or was run by software
    in a GPU's place, is no candidate; where no cell wins, the baseline is the fastest.
    """
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        if cell["speedup"] is not None and cell["status"] in ("ok", "partial"):
            groups.setdefault((cell["model"], *cell["speedup"]["baseline"].values()), []).append(cell)
    fastest = [_fastest(group) for group in groups.values() if len(group) > 1]
    return [cell for cell in fastest if cell is not None]


def could_be_one(speedup: Mapping[str, Any]) -> bool:
    """Whether the interval includes 1: no difference was shown."""
    return speedup["low"] is not None and speedup["low"] <= 1 <= speedup["high"]


def hardware(cell: Cell) -> Mapping[str, Any]:
    """What the delegate said of the hardware it used; nothing in runs stored before it was asked."""
    facts = cell.get("delegate_facts")
    return facts if isinstance(facts, Mapping) else {}


def is_software(cell: Cell) -> bool:
    """Whether the CPU played the accelerator."""
    return bool(hardware(cell).get("software"))


def _fastest(group: Sequence[Cell]) -> Cell | None:
    real = [cell for cell in group if not {warning["code"] for warning in cell["warnings"]} & _NO_WINNERS]
    shown = [cell for cell in real if cell["baseline"] or not could_be_one(cell["speedup"])]
    return max(shown or real, key=lambda cell: float(cell["speedup"]["value"]), default=None)
