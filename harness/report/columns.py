"""The table's columns: what each shows of a cell, in the block's common units."""
# ruff: noqa: RUF001 (the typographic signs are meant)

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.text import Text

from harness.report import figures
from harness.report.cells import Cell, could_be_one, is_software

GLYPHS = {"ok": "✓", "partial": "~", "fallback": "!", "skipped": "–", "unavailable": "?"}
_STYLES = {"ok": "green", "partial": "yellow", "fallback": "yellow", "skipped": "", "unavailable": ""}


@dataclass(frozen=True)
class Column:
    key: str  # what `DROPS` in table.py calls it
    header: str
    show: Callable[[Cell], str | Text]
    justify: Literal["left", "right"] = "right"


@dataclass(frozen=True)
class Units:
    """One unit per column, the same in all blocks of a model."""

    time: figures.Unit
    size: figures.Unit
    memory: figures.Unit


def units(cells: Sequence[Cell]) -> Units:
    return Units(
        time=figures.common_unit([_latency(cell, "median") for cell in cells], figures.TIME_UNITS),
        size=figures.common_unit([cell["size_bytes"] for cell in cells], figures.SIZE_UNITS),
        memory=figures.common_unit([cell["peak_memory_bytes"] for cell in cells], figures.SIZE_UNITS),
    )


def columns(
    block: Sequence[Cell], best: Sequence[Cell], unit: Units, dropped: Collection[str]
) -> list[Column]:
    """The columns of one block, those in `dropped` left out ("brackets": the interval's long form)."""
    optional = {
        "delegate": not ("delegate" in dropped and same(block, "delegate")),
        "threads": not same(block, "threads"),
        "top1": "top1" not in dropped and any(_top1(cell) is not None for cell in block),
    }
    every = [
        *_what(best),
        *_sizes(unit.size),
        *_times(unit.time, "brackets" not in dropped),
        *_quality(unit.memory),
    ]
    return [column for column in every if optional.get(column.key, column.key not in dropped)]


def same(block: Sequence[Cell], key: str) -> bool:
    return len({cell[key] for cell in block}) == 1


def classes_differ(cell: Cell) -> bool:
    """True where a cell and its reference find another class in some sample: every table must show that."""
    found = _top1(cell)
    return found is not None and found < 1


def status(word: str) -> Text:
    """A glyph and the word, so that neither colour nor glyph is needed."""
    return Text(f"{GLYPHS.get(word, '✗')} {word}", style=_STYLES.get(word, "red"))


def _status(cell: Cell) -> Text:
    return status(cell["status"]).append(" (software)" if is_software(cell) else "")


def _what(best: Sequence[Cell]) -> list[Column]:
    return [
        Column("best", "", lambda cell: Text("★" if cell in best else "", style="green")),
        Column("variant", "variant", lambda cell: Text(figures.short(cell["variant"])), "left"),
        Column("delegate", "delegate", lambda cell: Text(figures.short(cell["delegate"])), "left"),
        Column("threads", "thr", lambda cell: str(cell["threads"])),
        Column("ops", "ops\ntaken", lambda cell: figures.ops(cell["ops"])),
    ]


def _sizes(unit: figures.Unit) -> list[Column]:
    return [
        Column("size", f"size\n{unit[0]}", lambda cell: figures.number(cell["size_bytes"], unit)),
        Column("size_ratio", "size\nratio", lambda cell: figures.factor(cell["size_ratio"])),
    ]


def _times(unit: figures.Unit, wide: bool) -> list[Column]:
    return [
        Column("median", f"median\n{unit[0]}", lambda cell: figures.number(_latency(cell, "median"), unit)),
        Column("p90", f"p90\n{unit[0]}", lambda cell: figures.number(_latency(cell, "p90"), unit)),
        Column(
            "speedup", "speedup\n[95 %]" if wide else "speedup\n± 95 %", lambda cell: _speedup(cell, wide)
        ),
    ]


def _quality(unit: figures.Unit) -> list[Column]:
    return [
        Column("memory", f"mem\n{unit[0]}", lambda cell: figures.number(cell["peak_memory_bytes"], unit)),
        Column("fidelity", "SQNR\ndB", _fidelity),
        Column("top1", "top-1\nsame", lambda cell: figures.share(_top1(cell))),
        Column("status", "status", _status, "left"),
    ]


def _latency(cell: Cell, key: str) -> Any:
    return (cell["latency_ms"] or {}).get(key)


def _speedup(cell: Cell, wide: bool) -> str | Text:
    found = cell["speedup"]
    if cell["baseline"]:
        return "baseline"
    if found is None or could_be_one(found):
        return Text(figures.speedup(found, wide=wide), style="dim")
    return Text(figures.speedup(found, wide=wide), style="green" if found["value"] > 1 else "red")


def _fidelity(cell: Cell) -> str:
    fidelity = cell["fidelity"]
    own_label = f"{cell['variant']}/{cell['delegate']}@{cell['device']}"
    return "ref" if fidelity and fidelity["reference"] == own_label else figures.sqnr(fidelity)


def _top1(cell: Cell) -> float | None:
    share: float | None = (cell["fidelity"] or {}).get("top1_agreement")
    return share
