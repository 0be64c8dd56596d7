"""The table: one block per model and device, printed from the stored document alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from harness.analysis.conclusion import conclude
from harness.report import conclusions, figures, notes
from harness.report.cells import Cell, hardware, is_software
from harness.report.columns import Column, Units, classes_differ, columns, same, units
from harness.report.figures import clean

# What goes first where the columns are too many for the width. "brackets" is the long form of the
# interval; "delegate" goes only where all cells of a block share one, which its title names, and "top1"
# only where it is 100 % everywhere.
DROPS = ("brackets", "top1", "delegate", "p90", "memory", "fidelity", "ops", "size", "size_ratio")


def render(document: Mapping[str, Any], console: Console, stored: object = None) -> None:
    """Print a result document: blocks, then in words what they cannot say, then where it is stored."""
    found = conclude(document)
    best = [conclusion.cell for conclusion in found if conclusion.cell is not None]
    devices = {device["name"]: device for device in document["devices"]}
    blocks = _blocks(document["cells"])
    shared = {cell["model"]: units(_of_model(document, cell["model"])) for cell in document["cells"]}
    tables = _fitting(blocks, best, shared, console)
    for block, table in zip(blocks, tables, strict=True):
        device = devices.get(block[0]["device"], {})
        console.print(_title(block, device))
        if device.get("note"):
            console.print(Text(clean(device["note"]), style="yellow"))
        console.print(table, crop=False)
        console.print()
    conclusions.render(found, document["cells"], console)
    notes.render(document, console)
    if stored is not None:
        console.print(Text(f"results: {clean(stored)}"), soft_wrap=True)


def _of_model(document: Mapping[str, Any], model: str) -> list[Cell]:
    return [cell for cell in document["cells"] if cell["model"] == model]


def _blocks(cells: Iterable[Cell]) -> list[list[Cell]]:
    blocks: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        blocks.setdefault((cell["model"], cell["device"]), []).append(cell)
    return list(blocks.values())


def _title(block: Sequence[Cell], device: Mapping[str, Any]) -> Text:
    """digits on cpu — cpu delegate, AMD EPYC, 2 cores, ai-edge-litert 2.3.0, 1 thread"""
    facts = [
        f"{block[0]['delegate']} delegate" if same(block, "delegate") else "",
        *_hardware(block),
        device.get("cpu") or device.get("arch") or "",
        figures.plural(device["cores"], "core") if device.get("cores") else "",
        f"{device.get('runtime') or ''} {device.get('runtime_version') or ''}",
        figures.plural(block[0]["threads"], "thread") if same(block, "threads") else "",
    ]
    known = ", ".join(clean(fact) for fact in facts if clean(fact))
    title = Text(f"{figures.short(block[0]['model'])} on {figures.short(block[0]['device'])}", style="bold")
    return title.append(f" — {known}" if known else "", style="not bold")


def _hardware(block: Sequence[Cell]) -> list[str]:
    """What the accelerators' cells ran on: SwiftShader Device (software); USB 3 (5000 Mb/s)."""
    shown = []
    for cell in block:
        name = hardware(cell).get("adapter") or hardware(cell).get("transport")
        if name:
            shown.append(f"{name} (software)" if is_software(cell) else str(name))
    return list(dict.fromkeys(shown))


def _fitting(
    blocks: Sequence[Sequence[Cell]], best: Sequence[Cell], shared: Mapping[str, Units], console: Console
) -> list[Table]:
    """A table per block, all with as many columns as the width holds.

    Figures are never cut, long names are folded.
    """
    name_width = max(16, console.width // 5)
    drops = [key for key in DROPS if key != "top1" or not any(map(classes_differ, chain(*blocks)))]
    tables: list[Table] = []
    for count in range(len(drops) + 1):
        tables = [
            _table(columns(block, best, shared[block[0]["model"]], drops[:count]), block, best, name_width)
            for block in blocks
        ]
        if all(_natural_width(table, console) <= console.width for table in tables):
            return tables
    for table in tables:  # even the fewest are too wide: the terminal may break lines, figures stay whole
        table.width = _natural_width(table, console)
    return tables


def _natural_width(table: Table, console: Console) -> int:
    return Measurement.get(console, console.options.update_width(10_000), table).maximum


def _table(shown: Sequence[Column], block: Sequence[Cell], best: Sequence[Cell], name_width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for column in shown:
        if column.key == "variant":
            table.add_column(column.header, overflow="fold", max_width=name_width)
        else:
            table.add_column(column.header, justify=column.justify, no_wrap=True)
    for cell in block:
        style = "bold" if cell in best else "dim" if cell["latency_ms"] is None else None
        table.add_row(*(column.show(cell) for column in shown), style=style)
    return table
