"""Names for many cells at once: "int8, uint8 on xnnpack, cpu; all variants on gpu@pi4"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.record import Row
from harness.report.cells import delegate_on_device, on_threads


def name_cells(rows: Sequence[Row], every: Sequence[Row]) -> str:
    """Some of a run's cells by name, those with the same variants together.

    every: all cells of the run. Where all variants are meant, they are not listed; threads and models are
    named only where others are not meant.
    """
    several_models = len({row.model for row in every}) > 1
    together: dict[tuple[str, str], list[str]] = {}
    for (model, where), variants in _variants_by_delegate(rows, every).items():
        there = {row.variant for row in every if row.model == model and where in _names(row)}
        names = "all variants" if len(variants) == len(there) > 1 else ", ".join(variants)
        together.setdefault((model, names), []).append(where)
    return "; ".join(
        f"{model + ': ' if several_models else ''}{names} on {', '.join(places)}"
        for (model, names), places in together.items()
    )


def _variants_by_delegate(rows: Sequence[Row], every: Sequence[Row]) -> dict[tuple[str, str], list[str]]:
    """(model, delegate and device) -> variants; with the threads where only some of them are meant."""
    meant, there = Counter(map(_without_threads, rows)), Counter(map(_without_threads, every))
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        key = _without_threads(row)
        where = _names(row)[meant[key] < there[key]]
        variants = found.setdefault((row.model, where), [])
        if row.variant not in variants:
            variants.append(row.variant)
    return found


def _names(row: Row) -> tuple[str, str]:
    """Without and with the number of threads."""
    name = delegate_on_device(row)
    return name, name + on_threads(row)


def _without_threads(row: Row) -> tuple[str, str, str]:
    return row.model, row.variant, delegate_on_device(row)
