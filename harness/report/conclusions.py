"""Under the table, first of all: what to take, what it buys and what it costs, and what is not decided."""
# ruff: noqa: RUF002 (the typographic signs are meant)

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from harness.analysis.conclusion import Conclusion, barred_by
from harness.analysis.distance import ENOUGH_SAMPLES
from harness.report import figures
from harness.report.cells import Cell, on_threads, place
from harness.report.figures import clean

_NAMED = 3  # cells in a line


def render(found: Sequence[Conclusion], cells: Sequence[Cell], console: Console) -> None:
    for conclusion in found:
        console.print(Text(_headline(conclusion, cells), style="bold"))
        for line in _details(conclusion, cells):
            for part in Text(clean(line)).wrap(console, max(20, console.width - 4)):
                console.print(Text("    ").append_text(part))


def _headline(conclusion: Conclusion, cells: Sequence[Cell]) -> str:
    """★ digits: int8 on xnnpack is fastest: 3.42× [3.37–3.47] against float32/cpu@cpu, 3.92× smaller; …"""
    cell = conclusion.cell
    if cell is None:
        return f"{clean(conclusion.model)}: no cell has the star"
    who = f"★ {clean(conclusion.model)}: {_name(cell, cells)}"
    if conclusion.verdict == "baseline":
        return f"{who}, the baseline: nothing is faster"
    if conclusion.verdict == "not-shown":
        return f"{who}, the baseline: nothing is shown to be faster"
    baseline = cell["speedup"]["baseline"]
    against = clean(f"{baseline['variant']}/{baseline['delegate']}@{baseline['device']}")
    how = "is as fast as any" if conclusion.verdict == "tied" else "is fastest"
    smaller = f", {figures.factor(cell['size_ratio'])} smaller" if (cell["size_ratio"] or 0) > 1 else ""
    return f"{who} {how}: {_speed(cell)} against {against}{smaller}; {_price(cell)}"


def _details(conclusion: Conclusion, cells: Sequence[Cell]) -> list[str]:
    lines = []
    if conclusion.ties:
        ties = [f"{_name(cell, cells)} {_speed(cell)}, {_price(cell)}" for cell in conclusion.ties]
        chosen = f" (chosen for its {conclusion.reason})" if conclusion.reason else ""
        lines.append(f"not told apart from it{chosen}: {_listed(ties)}")
    if conclusion.undecided:
        lines.append(_undecided(conclusion, cells))
    if conclusion.barred:
        barred = [
            f"{_name(cell, cells)} {_speed(cell)}, {_price(cell)} ({', '.join(barred_by(cell))})"
            for cell in conclusion.barred
        ]
        faster = "" if conclusion.cell is None else "faster, but "
        lines.append(f"{faster}without the star: {_listed(barred)}")
    return lines


def _undecided(conclusion: Conclusion, cells: Sequence[Cell]) -> str:
    named = _listed([f"{_name(cell, cells)} {_speed(cell)}" for cell in conclusion.undecided])
    if conclusion.budget_s is None:
        return f"undecided: {named}; raise --budget"
    budget = f"{conclusion.budget_s:.3f}".rstrip("0").rstrip(".")
    return f"undecided: {named}; about --budget {budget} would decide, or as much in several runs"


def _name(cell: Cell, cells: Sequence[Cell]) -> str:
    threads = {other["threads"] for other in cells if other["model"] == cell["model"]}
    shown = on_threads(cell) if len(threads) > 1 else ""
    return clean(f"{cell['variant']} on {place(cell)}{shown}")


def _speed(cell: Cell) -> str:
    found = cell["speedup"]
    return figures.speedup(found, wide=True) + (" (no interval)" if found["low"] is None else "")


def _price(cell: Cell) -> str:
    """SQNR 39.6 dB, top-1 same in 75.0%; what was not compared, or on few samples, is said, too."""
    fidelity = cell["fidelity"]
    if fidelity is None:
        return "outputs not compared"
    same, shown = fidelity["top1_agreement"], figures.sqnr(fidelity)
    parts = ["outputs the same" if shown == "exact" else f"SQNR {shown}"]
    if fidelity["sqnr_db"] is not None:
        parts[0] += " dB"
    if same is not None:
        parts.append(f"top-1 same in {figures.share(same)}")
    few = fidelity.get("samples", ENOUGH_SAMPLES) < ENOUGH_SAMPLES  # not there in documents of older versions
    on = f" (on {figures.plural(fidelity['samples'], 'sample')} only)" if few else ""
    return ", ".join(parts[1:] if shown == figures.NONE and same is not None else parts) + on


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _NAMED
    return "; ".join(texts[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
