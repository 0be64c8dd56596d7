"""Rules about the star that hold for every document: asked of many random ones, and of what is printed."""

# ruff: noqa: RUF001, S311 (the typographic signs are meant; the chance is no secret)

from __future__ import annotations

import dataclasses
import io
import json
import math
import random
import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

from harness.analysis import document
from harness.analysis.conclusion import NO_WINNERS, Conclusion, conclude
from harness.record import Document, Fidelity, Row, Warning
from harness.report.table import render
from tests.unit.run_builder import typical

TEMPLATE = document(typical())
BARRING = [*sorted(NO_WINNERS), "fallback", "crashed", "refused", "timeout", "far", "no-time"]
SEEDS = range(40)  # of ten documents each


class Made(NamedTuple):
    """A document, and what is held against its cells: id -> why."""

    document: Document
    barred: dict[str, str]

    @property
    def rows(self) -> tuple[Row, ...]:
        return self.document.cells

    @property
    def real(self) -> list[Row]:
        return [row for row in self.rows if row.id not in self.barred]


def documents(seed: int) -> Iterator[Made]:
    chance = random.Random(seed)
    for _ in range(10):
        barred: dict[str, str] = {}
        rows = [made(chance, number, barred) for number in range(chance.randint(2, 8))]
        place = chance.randrange(len(rows))
        itself = replace(rows[place].speedup, value=1.0, low=1.0, high=1.0)
        rows[place] = replace(rows[place], baseline=True, speedup=itself)
        yield Made(replace(TEMPLATE, cells=tuple(rows), budget_s=chance.choice([0.2, 1.0, 3.0])), barred)


def made(chance: random.Random, number: int, barred: dict[str, str]) -> Row:
    template, name = TEMPLATE.cells[0], f"v{number}"
    value = chance.choice([0.5, 0.97, 1.0, 1.02, 1.5, 2.0, 2.1, 5.0]) * chance.choice(
        [1.0, chance.uniform(0.98, 1.02)]
    )
    half = chance.choice([0.002, 0.02, 0.2])
    low, high = value * (1 - half), value * (1 + half)
    open_ended = chance.random() < 0.15
    row = replace(
        template,
        id=name,
        variant=name,
        baseline=False,
        warnings=(),
        size_bytes=chance.randint(1, 9),
        ops=dataclasses.replace(template.ops, total=9, delegated=chance.randint(1, 9)),
        speedup=replace(
            template.speedup,
            value=value,
            low=None if open_ended else low,
            high=None if open_ended else high,
        ),
        fidelity=fidelity(chance.choice([20.0, 40.0, 41.0, 70.0, None]), chance.choice([1.0, 0.9, None])),
    )
    if chance.random() < 0.15:
        row = replace(row, fidelity=None)
    if chance.random() < 0.3:
        barred[name] = chance.choice(BARRING)
        return bar(row, barred[name])
    return row


def fidelity(sqnr_db: float | None, same: float | None) -> Fidelity:
    return Fidelity(
        "float32/cpu@cpu",
        cosine=1.0,
        sqnr_db=sqnr_db,
        top1_agreement=same,
        max_abs_error=0.0 if sqnr_db is None else 0.1,
        samples=16,
    )


def bar(row: Row, why: str) -> Row:
    if why in ("fallback", "crashed", "refused", "timeout"):
        return replace(row, status=why)
    if why == "far":
        return replace(row, fidelity=fidelity(3.0, None))  # of a run stored before there was a warning
    if why == "no-time":
        return replace(row, latency_ms=replace(row.latency_ms, median=0.0))
    return replace(row, warnings=(Warning(why, ""),))


def bounds(cell: Row) -> tuple[float, float]:
    """Of what an interval leaves open: everything from a single launch's value up."""
    low, high = cell.speedup.low, cell.speedup.high
    return (cell.speedup.value, math.inf) if low is None else (low, high)


def overlap(one: Row, other: Row) -> bool:
    """Whether the first may be as fast as the other, which has an interval unless none has."""
    (low, high), (other_low, other_high) = bounds(one), bounds(other)
    if one.speedup.low is None:
        return low >= other_low
    return low <= other_high and other_low <= high


def open_(cell: Row) -> bool:
    """Whether a cell may be faster than the baseline, or slower."""
    low, high = cell.speedup.low, cell.speedup.high
    return low is None or low <= 1 <= high


def contenders(real: list[Row]) -> list[Row]:
    """The cells that the star is for: all that were shown to be faster; where the baseline is barred, all."""
    if any(cell.baseline for cell in real):
        return [cell for cell in real if faster(cell)]
    return [cell for cell in real if cell.speedup.low is not None] or real


def faster(cell: Row) -> bool:
    return not cell.baseline and cell.speedup.low is not None and cell.speedup.low > 1


def judged(seed: int) -> Iterator[tuple[Made, Conclusion, list[Row]]]:
    """A document, its conclusion, and its cells that nothing is held against."""
    for made_ in documents(seed):
        (found,) = conclude(made_.document)
        yield made_, found, made_.real


def printed(made_: Made) -> str:
    """What is said of a document between the table and the notes, as one line without breaks."""
    stream = io.StringIO()
    render(made_.document, Console(file=stream, width=2000))
    said = re.search(
        r"^(★ digits|digits: no cell).*?(?=^SQNR:|^\S+ \w+  |^warning |\Z)", stream.getvalue(), re.M | re.S
    )
    assert said is not None
    return " ".join(said[0].split())


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_that_is_barred_has_the_star_or_is_a_tie(seed: int):
    for made_, found, real in judged(seed):
        assert found.cell is None or found.cell in real
        assert all(cell in real for cell in found.ties + found.undecided)
        assert all(cell.id in made_.barred for cell in found.barred)
        assert (found.cell is None) == (found.verdict == "none")


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_barred_and_faster_is_named_with_its_reason(seed: int):
    for made_, found, _ in judged(seed):
        if found.cell is None:
            continue
        ahead = max([found.cell, *found.ties], key=lambda cell: cell.speedup.value)
        barred = [cell for cell in made_.rows if cell.id in made_.barred]
        surely = [cell for cell in barred if cell.speedup.value > ahead.speedup.value]
        assert all(cell in found.barred for cell in surely)
        for cell in found.barred[:3]:
            why = {"far": "variant-differs", "no-time": "zero-times"}.get(
                made_.barred[cell.id], made_.barred[cell.id]
            )
            assert re.search(rf"{cell.variant} on cpu [^;]*\({why}\)", printed(made_))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_cells_says_nothing(seed: int):
    chance = random.Random(seed)
    for made_, found, _ in judged(seed):
        shuffled = replace(made_.document, cells=tuple(chance.sample(made_.rows, len(made_.rows))))
        (other,) = conclude(shuffled)
        assert (other.verdict, other.cell, other.reason) == (found.verdict, found.cell, found.reason)
        assert (other.ties, other.undecided, other.barred) == (found.ties, found.undecided, found.barred)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_verdict_is_what_the_intervals_show(seed: int):
    for _, found, real in judged(seed):
        others = [cell for cell in real if not cell.baseline]
        if not any(cell.baseline for cell in real):  # barred: the others are compared with each other
            assert found.verdict in ("fastest", "tied", "none")
            continue
        shown = [cell for cell in others if faster(cell)]
        undecided = [cell for cell in others if open_(cell)]
        expected = {"fastest", "tied"} if shown else {"not-shown"} if undecided else {"baseline"}
        assert found.verdict in expected
        if shown:
            assert found.cell in shown


@pytest.mark.parametrize("seed", SEEDS)
def test_ties_are_all_that_overlap_the_fastest_and_whichever_wins_names_the_rest(seed: int):
    """Seen from either side: the star is among those that overlap the fastest, and so is every tie."""
    for _, found, real in judged(seed):
        if found.verdict not in ("fastest", "tied"):
            assert found.ties == []
            continue
        first = min(contenders(real), key=lambda cell: (-cell.speedup.value, cell.id))
        group = [cell for cell in real if cell is first or overlap(cell, first)]
        assert sorted(c.id for c in [found.cell, *found.ties] if c) == sorted(c.id for c in group)
        assert (found.verdict == "fastest") == (len(group) == 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_ties_none_has_clearly_better_outputs_than_the_star(seed: int):
    for _, found, real in judged(seed):
        for tie in found.ties:
            if tie in contenders(real):
                assert decibels(tie) <= decibels(found.cell) + 3


def decibels(cell: Row) -> float:
    told = cell.fidelity
    if told is None:
        return -math.inf
    return 100.0 if told.sqnr_db is None else min(told.sqnr_db, 100.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_line_says_what_the_data_say(seed: int):
    for made_, found, _ in judged(seed):
        said, cell = printed(made_), found.cell
        if cell is None:
            assert said.startswith("digits: no cell has the star")
            continue
        assert said.startswith(f"★ digits: {cell.variant} on cpu")
        claims = {
            "fastest": " is fastest: ",
            "tied": " is as fast as any: ",
            "baseline": "the baseline: nothing is faster",
            "not-shown": "the baseline: nothing is shown to be faster",
        }
        assert [verdict for verdict, claim in claims.items() if claim in said] == [found.verdict]
        assert ("not told apart from it" in said) == bool(found.ties)
        assert ("undecided: " in said) == bool(found.undecided)
        assert ("faster, but without the star: " in said) == bool(found.barred)
        if found.verdict in ("fastest", "tied"):
            headline = said.split(" not told apart")[0].split(" faster, but")[0]
            value = float(re.findall(r": ([\d.]+)×", headline)[0])
            assert value == pytest.approx(cell.speedup.value, rel=0.01)
            assert ("no interval" in headline) == (cell.speedup.low is None)
            assert ("outputs not compared" in headline) == (cell.fidelity is None)
            if cell.fidelity and cell.fidelity.sqnr_db is not None:
                assert f"SQNR {cell.fidelity.sqnr_db:.1f} dB" in headline


def test_the_documents_hold_every_verdict_and_every_reason_to_bar():
    """Else the rules above would have nothing to hold for."""
    found = [entry for seed in SEEDS for entry in judged(seed)]
    assert {conclusion.verdict for _, conclusion, _ in found} == {
        "fastest",
        "tied",
        "baseline",
        "not-shown",
        "none",
    }
    assert {why for made_, _, _ in found for why in made_.barred.values()} == set(BARRING)
    assert {conclusion.reason for _, conclusion, _ in found} >= {"SQNR", "top-1", "ops", None}
    json.dumps(msgspec.to_builtins([each.by_id() for _, each, _ in found]), allow_nan=False)
