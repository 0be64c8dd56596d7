"""The columns of a run's table, and what each shows for a row."""
# ruff: noqa: RUF001 (the typographic signs are meant)

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from harness.analysis.conclusion import could_be_one
from harness.record import Latency, Row
from harness.report import accuracy, figures
from harness.report.cells import is_software

Tone = Literal["", "good", "caution", "bad", "dim"]

GLYPHS = {"ok": "✓", "partial": "~", "fallback": "!", "skipped": "–", "unavailable": "?"}
FAILED_GLYPH = "✗"
_TONES: dict[str, Tone] = {
    "ok": "good",
    "partial": "caution",
    "fallback": "caution",
    "skipped": "",
    "unavailable": "",
}


class Shown(NamedTuple):
    """A text in the table, and the tone in which it is shown."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Column:
    """One column of a block. `key` names it in table.py's DROPS."""

    key: str
    header: str
    show: Callable[[Row], Shown]
    justify: Literal["left", "right"] = "right"


@dataclass(frozen=True)
class Units:
    """The units of the columns, the same in all blocks of a model."""

    time: figures.Unit
    size: figures.Unit
    memory: figures.Unit


def units(rows: Sequence[Row]) -> Units:
    """Return the units that suit all of these rows."""
    return Units(
        time=figures.common_unit([_figure(row, "median") for row in rows], figures.TIME_UNITS),
        size=figures.common_unit([row.size_bytes for row in rows], figures.SIZE_UNITS),
        memory=figures.common_unit([row.peak_memory_bytes for row in rows], figures.SIZE_UNITS),
    )


def columns(
    block: Sequence[Row], best: Sequence[Row], unit: Units, dropped: Collection[str] = ()
) -> list[Column]:
    """Return the columns of a block, without those in `dropped` ("brackets": the interval's long form)."""
    optional = {
        "delegate": not ("delegate" in dropped and one_delegate(block)),
        "threads": not one_thread_count(block),
        "top1": "top1" not in dropped and shows_agreement(block),
        "accuracy": "accuracy" not in dropped and any(row.accuracy for row in block),
        "change": "change" not in dropped and any(row.accuracy and row.accuracy.drop for row in block),
    }
    every = [
        *_what(best),
        *_sizes(unit.size),
        *_times(unit.time, "brackets" not in dropped),
        *_accuracy(block, "brackets" not in dropped),
        *_quality(unit.memory),
    ]
    return [column for column in every if optional.get(column.key, column.key not in dropped)]


def one_delegate(block: Sequence[Row]) -> bool:
    """Return whether all rows have the same delegate."""
    return len({row.delegate for row in block}) == 1


def one_thread_count(block: Sequence[Row]) -> bool:
    """Return whether all rows have the same number of threads."""
    return len({row.threads for row in block}) == 1


def shows_agreement(block: Sequence[Row]) -> bool:
    """Return whether the share of samples with float32's class is to be shown: not beside their accuracy."""
    return any(_top1(row) is not None for row in block) and not any(row.accuracy for row in block)


def classes_differ(row: Row) -> bool:
    """Return whether the top-1 class differs from the reference's in some sample."""
    same = _top1(row)
    return same is not None and same < 1 and row.accuracy is None


def glyph(status: str) -> str:
    """Return the sign that is shown before a status."""
    return GLYPHS.get(status, FAILED_GLYPH)


def status_shown(status: str, *, software: bool) -> Shown:
    """Return a status as a sign and a word, so that the table can be read without colours."""
    suffix = " (software)" if software else ""
    return Shown(f"{glyph(status)} {status}{suffix}", _TONES.get(status, "bad"))


def _status(row: Row) -> Shown:
    """Return the status of a row, and whether software stood in for the accelerator."""
    return status_shown(row.status, software=is_software(row))


def _what(best: Sequence[Row]) -> list[Column]:
    return [
        Column("best", "", lambda row: Shown("★" if row in best else "", "good")),
        Column("variant", "variant", lambda row: Shown(figures.short(row.variant)), "left"),
        Column("delegate", "delegate", lambda row: Shown(figures.short(row.delegate)), "left"),
        Column("threads", "thr", lambda row: Shown(str(row.threads))),
        Column("ops", "ops\ntaken", lambda row: Shown(figures.ops(row.ops))),
    ]


def _sizes(unit: figures.Unit) -> list[Column]:
    return [
        Column("size", f"size\n{unit[0]}", lambda row: Shown(figures.number(row.size_bytes, unit))),
        Column("size_ratio", "size\nratio", lambda row: Shown(figures.factor(row.size_ratio))),
    ]


def _times(unit: figures.Unit, wide: bool) -> list[Column]:
    def time(key: Literal["median", "p90"]) -> Column:
        return Column(key, f"{key}\n{unit[0]}", lambda row: Shown(figures.number(_figure(row, key), unit)))

    interval = "speedup\n[95 %]" if wide else "speedup\n± 95 %"
    return [time("median"), time("p90"), Column("speedup", interval, lambda row: _speedup(row, wide))]


def _accuracy(block: Sequence[Row], wide: bool) -> list[Column]:
    """Return the accuracy and its change against float32."""
    first = next((row.accuracy for row in block if row.accuracy is not None), None)
    if first is None:
        return []
    unit, of = accuracy.unit(first), "%" if accuracy.is_share(first) else ""
    bounds = f"{unit} [95 %]".lstrip() if wide else unit or "± 95 %"
    return [
        Column(
            "accuracy", f"{accuracy.metric(first)}\n{of}", lambda row: Shown(accuracy.value(row.accuracy))
        ),
        Column("change", f"change\n{bounds}", lambda row: _change(row, wide)),
    ]


def _change(row: Row, wide: bool) -> Shown:
    worse = row.accuracy is not None and accuracy.is_worse(row.accuracy)
    return Shown(accuracy.change(row.accuracy, wide=wide), "bad" if worse else "")


def _quality(unit: figures.Unit) -> list[Column]:
    return [
        Column("memory", f"mem\n{unit[0]}", lambda row: Shown(figures.number(row.peak_memory_bytes, unit))),
        Column("fidelity", "SQNR\ndB", lambda row: Shown(_fidelity(row))),
        Column("top1", "top-1\nsame", lambda row: Shown(figures.share(_top1(row)))),
        Column("status", "status", _status, "left"),
    ]


def _figure(row: Row, key: Literal["median", "p90"]) -> float | None:
    latency: Latency | None = row.latency_ms
    if latency is None:
        return None
    return latency.median if key == "median" else latency.p90


def _speedup(row: Row, wide: bool) -> Shown:
    if row.baseline:
        return Shown("baseline")
    text = figures.speedup(row.speedup, wide=wide)
    if row.speedup is None or could_be_one(row.speedup):
        return Shown(text, "dim")
    return Shown(text, "good" if row.speedup.value > 1 else "bad")


def _fidelity(row: Row) -> str:
    own_label = f"{row.variant}/{row.delegate}@{row.device}"
    is_reference = row.fidelity is not None and row.fidelity.reference == own_label
    return "ref" if is_reference else figures.sqnr(row.fidelity)


def _top1(row: Row) -> float | None:
    return None if row.fidelity is None else row.fidelity.top1_agreement
