"""Which cell of those compared with the same baseline is the one to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Cell = Mapping[str, Any]  # a cell of the result document


def best_cells(cells: Sequence[Cell]) -> list[Cell]:
    """The fastest measured cell for each model and baseline; nothing where there was nothing to compare.

    A cell whose speedup could as well be 1 is no winner, and one that is another model is no candidate;
    where no cell wins, the baseline is the fastest.
    """
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        if cell["speedup"] is not None and cell["status"] in ("ok", "partial"):
            groups.setdefault((cell["model"], *cell["speedup"]["baseline"].values()), []).append(cell)
    return [_fastest(group) for group in groups.values() if len(group) > 1]


def could_be_one(speedup: Mapping[str, Any]) -> bool:
    """Whether the interval includes 1: no difference was shown."""
    return speedup["low"] is not None and speedup["low"] <= 1 <= speedup["high"]


def _fastest(group: Sequence[Cell]) -> Cell:
    candidates = [cell for cell in group if cell["baseline"] or _may_win(cell)] or group
    return max(candidates, key=lambda cell: float(cell["speedup"]["value"]))


def _may_win(cell: Cell) -> bool:
    other_model = any(warning["code"] == "interface-differs" for warning in cell["warnings"])
    return not other_model and not could_be_one(cell["speedup"])
