"""Name many cells at once: "int8, uint8 on xnnpack, cpu; all variants on gpu@pi4"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.record import Row, subject
from harness.report.cells import delegate_on_device, on_threads


def name_cells(rows: Sequence[Row], every: Sequence[Row]) -> str:
    """Name some cells of a run, joining those with the same variants.

    every: all cells of the run. "all variants" replaces a full list. Models and threads are named only if it
    takes them to tell the cells from others.
    """
    several_models = len({subject(row) for row in every}) > 1
    together: dict[tuple[str, str], list[str]] = {}
    for (model, where), variants in _variants_by_delegate(rows, every).items():
        there = {row.variant for row in every if str(subject(row)) == model and where in _names(row)}
        names = "all variants" if len(variants) == len(there) > 1 else ", ".join(variants)
        together.setdefault((model, names), []).append(where)
    return "; ".join(
        f"{model + ': ' if several_models else ''}{names} on {', '.join(places)}"
        for (model, names), places in together.items()
    )


def _variants_by_delegate(rows: Sequence[Row], every: Sequence[Row]) -> dict[tuple[str, str], list[str]]:
    """Return the variants by model and delegate, with the threads if not all thread counts are meant."""
    chosen, total = Counter(map(_without_threads, rows)), Counter(map(_without_threads, every))
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        key = _without_threads(row)
        where = _names(row)[chosen[key] < total[key]]
        variants = groups.setdefault((str(subject(row)), where), [])
        if row.variant not in variants:
            variants.append(row.variant)
    return groups


def _names(row: Row) -> tuple[str, str]:
    """Return the name of delegate and device, without and with the number of threads."""
    name = delegate_on_device(row)
    return name, name + on_threads(row)


def _without_threads(row: Row) -> tuple[str, str, str]:
    return str(subject(row)), row.variant, delegate_on_device(row)
