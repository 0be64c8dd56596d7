"""A history as it is shown: on a terminal, and as CSV."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import jsonschema
import msgspec
import pandas as pd
import pytest
from msgspec import structs
from rich.console import Console

from harness.analysis.history import courses
from harness.record import schema
from harness.record.comparison import DifferingFact
from harness.record.history import Course, Figure, History, Point
from harness.report import history_csv
from harness.report.history import as_text, render
from harness.report.plot import plot
from harness.report.sparkline import sparkline
from harness.store.index import MachineEntry
from tests.unit.histories import HERE, cell, run, store
from tests.unit.test_history import COUNT, times


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def history(values: dict[str, Any], figure: Figure = "latency", **more: Any) -> History:
    made = courses(*store(values), figure, 0.02)
    count = len(next(iter(values.values())))
    return History(figure=figure, within=0.02, runs=count, stored=count, cells=made, **more)


def course(values: Sequence[float | None]) -> Course:
    return history({"a": values}).cells[0]


def test_a_line_per_cell_and_a_paragraph_per_step() -> None:
    group = {f"v{n}": times(n) for n in range(4)}
    text = as_text(history({**group, "int8": times(9, (20, 1.08))}))
    assert max(map(len, text.splitlines())) <= 80
    (line,) = [line for line in text.splitlines() if line.startswith("int8 ")]
    assert "995 µs  1.08 ms" in line and "+8.0% 2026-11-01" in line
    assert "▁" in line and "█" in line and "2026-11-01" in line
    assert "▲ 2026-11-01 20:00  20261101-200000-000-0014, main 0000000" in text
    assert "    digits int8 on cpu: +8." in text and "relative to the others +" in text
    assert "too few" not in text and "no step found" not in text


def test_what_moved_together_is_one_line() -> None:
    text = as_text(history({f"v{n}": times(n, (20, 1.08)) for n in range(4)}))
    assert text.count("▲") == 1
    assert "    all 4 cells on the machine of cpu moved together, by about +8" in text


def test_machines_that_moved_are_not_thrown_together() -> None:
    boards = tuple(MachineEntry(name, "ssh", name) for name in ("one", "two"))
    runs = [run(n, devices=("one", "two"), machines=boards) for n in range(COUNT)]
    cells = [
        cell(entry, variant, slow[n], device=board.name, id=f"{variant} {board.name}")
        for board, at in zip(boards, (20, 21), strict=True)
        for variant, slow in (("a", times(1, (at, 1.1))), ("b", times(2, (at, 1.1))))
        for n, entry in enumerate(runs)
    ]
    made = courses(runs[::-1], cells, "latency", 0.02)
    text = as_text(History(figure="latency", within=0.02, runs=COUNT, stored=COUNT, cells=made))
    assert "all 2 cells on the machine of one moved together" in text
    assert "all 2 cells on the machine of two moved together" in text


def test_facts_that_differ_are_the_explanation() -> None:
    found = history({"a": times(1, (20, 1.08)), "b": times(2), "c": times(3)})
    facts = (
        DifferingFact("device", "cpu", "runtime_version", "2.3.0", "2.4.0"),
        DifferingFact("variant", "digits a", "file", "sha256 1", "sha256 2"),
        DifferingFact("run", "run", "revision", "1" * 12, "2" * 12),
    )

    def told(known: tuple[DifferingFact, ...] | None) -> str:
        first = found.cells[0]
        steps = tuple(structs.replace(step, facts=known) for step in first.steps)
        cells = (structs.replace(first, steps=steps), *found.cells[1:])
        return " ".join(as_text(structs.replace(found, cells=cells)).split())

    assert "differs from the run before: runtime version 2.3.0 → 2.4.0, another file" in told(facts)
    assert f"differs from the run before: revision {'1' * 12} → {'2' * 12}" in told(facts[2:])
    assert "nothing that is recorded differs from the run before" in told(())
    assert "differs" not in told(None)


def test_one_cell_is_drawn_with_its_step() -> None:
    text = as_text(history({"a": times(1, (20, 1.5))}))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    drawn = [line for line in lines if "┤" in line]
    assert "●" in drawn[0] + drawn[1] and "●" in drawn[-1] + drawn[-2]
    axis = next(n for n, line in enumerate(lines) if "└" in line)
    mark = lines[axis + 1].index("▲")
    assert mark - lines[axis].index("└") in (20, 21, 22)
    assert "nothing else was measured that could tell" in " ".join(text.split())
    assert text.count("✓ ok") == 6  # three runs on each side of the step


@pytest.mark.parametrize("values", [[1.0, 1.001] * 4, [0.0] * 8, [-3.0] * 8])
def test_noise_is_not_stretched_over_the_whole_axis(values: list[float]) -> None:
    flat = structs.replace(course([1.0] * 8), points=points(values))
    drawn = [line for line in plot(flat, 30, "{:.2f}".format, 0.02) if "●" in line]
    assert len(drawn) == 1 and drawn[0].count("●") == 8


def points(values: Sequence[float]) -> tuple[Point, ...]:
    known = course([1.0] * len(values)).points
    return tuple(structs.replace(point, value=value) for point, value in zip(known, values, strict=True))


def test_gaps_are_marked_in_lines_and_diagrams() -> None:
    values = [1.0, 1.0, None, 1.0, 1.1, 1.1, 1.1, 1.1, 1.1]
    assert sparkline(course(values), 20, 0.02) == "▁▁✗▁█████"
    assert [line for line in plot(course(values), 30, str, 0.02) if "✗" in line]
    text = as_text(history({"a": values, "b": values, "c": [None] * 9}))
    assert "digits a on cpu: crashed in 1 of 9" in text
    assert sparkline(course([None, None]), 20, 0.02) == "✗✗"


def test_ops_left_on_the_cpu_are_a_gap_too() -> None:
    runs, _ = store({"a": [1.0] * 9})
    cells = [
        cell(entry, "a", 1.0, status="partial", ops_delegated=3 - (n == 4))
        for n, entry in enumerate(reversed(runs))
    ]
    (found,) = courses(runs, cells, "latency", 0.02)
    assert sparkline(found, 20, 0.02) == "▅▅▅▅~▅▅▅▅"


def test_many_runs_share_columns() -> None:
    line = sparkline(course([1.0] * 50 + [2.0] * 50), 10, 0.02)
    assert line == "▁" * 5 + "█" * 5
    assert len(sparkline(course([1.0, 1.001]), 10, 0.02)) == 2


def test_noise_is_not_stretched_to_all_bars() -> None:
    assert set(sparkline(course(times(1, deviation=0.001)), 60, 0.02)) <= set("▄▅")


def test_what_can_not_be_told_is_said() -> None:
    text = as_text(history({"a": [1.0] * 7, "b": [1.0] * 7, "c": [1.0] * 7}))
    assert "7 runs are too few to find a step; 8 needed" in text and "no step found" not in text
    text = as_text(structs.replace(history({name: times(1) for name in "abc"}), stored=500))
    assert "no step found" in text and "the 40 newest of 500 runs: --limit 500 reads all" in text


def test_machines_are_named() -> None:
    other = MachineEntry("cpu", machine="local", **{**HERE, "cores": 8})
    runs = [run(n) if n % 2 else run(n, machines=(other,)) for n in range(COUNT)]
    made = courses(*store({"a": times(1), "b": times(2)}, runs), "latency", 0.02)
    text = as_text(History(figure="latency", within=0.02, runs=COUNT, stored=COUNT, cells=made))
    assert "!! cpu was 2 machines: their runs are told apart" in text
    assert "digits on cpu — AMD EPYC, 8 cores, 8.0 GB" in text


@pytest.mark.parametrize("figure", ["latency", "median", "speedup", "size", "memory", "sqnr", "ops"])
@pytest.mark.parametrize("cells", [1, 5])
def test_every_figure_fits(figure: Figure, cells: int) -> None:
    text = as_text(history({f"v{n}": times(n, (9, 2.0)) for n in range(cells)}, figure))
    assert max(map(len, text.splitlines())) <= 80


def test_names_can_forge_nothing() -> None:
    runs, cells = store({"a\x1b[31m\nforged": times(1, (20, 1.5)), "b": times(2), "c": times(3)})
    made = courses(runs, cells, "latency", 0.02)
    shown = History(figure="latency", within=0.02, runs=COUNT, stored=COUNT, cells=made)
    into = io.StringIO()
    render(shown, Console(file=into, width=80))
    assert "\x1b" not in as_text(shown) and "\nforged" not in as_text(shown)


def test_the_document_is_as_its_schema_says() -> None:
    found = history({"a": times(1, (20, 1.5)), "b": [*times(2)[:-1], None], "c": times(3)})
    document = json.loads(msgspec.json.encode(found))
    jsonschema.validate(document, json.loads(schema.HISTORY_FILE.read_text("utf-8")))
    assert schema.HISTORY_FILE.read_text("utf-8") == schema.text(schema.HISTORY_FILE)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "figure": "weight"}, schema.schema(schema.HISTORY_FILE))


def test_csv_has_every_figure_of_every_run() -> None:
    runs, cells = store({"a": [1.0, None], "b,\n": [3.0, 4.0]})
    runs[0] = structs.replace(runs[0], tags={"board": "pi 4"})
    frame = pd.read_csv(io.StringIO(history_csv.render(runs, cells)))
    assert list(frame.columns[:7]) == [
        "run_id", "started_at", "state", "qbench_version", "revision", "branch", "dirty",
    ]  # fmt: skip
    assert list(frame.run_id) == [runs[1].run_id] * 2 + [runs[0].run_id] * 2
    assert sorted(frame.floor_ms.dropna()) == [1.0, 3.0, 4.0]
    assert set(frame.status) == {"ok", "crashed"} and set(frame.variant) == {"a", "b,\n"}
    assert list(frame["tags.board"].isna()) == [True, True, False, False]
    assert not frame.dirty.any()


def test_a_cell_has_one_id_in_csv_with_and_without_sides() -> None:
    runs, cells = store({"a": [1.0, 2.0]})
    cells[0] = structs.replace(cells[0], id=f"{cells[0].id}/head", side="head")
    frame = pd.read_csv(io.StringIO(history_csv.render(runs, cells)))
    assert set(frame.id) == {"digits/a/cpu/cpu/1"} and list(frame.side.fillna("")) == ["", "head"]


def test_csv_on_a_terminal_commands_nothing() -> None:
    runs, cells = store({"a\x1b[2Jb": [1.0]})
    assert "digits/a [2Jb/cpu/cpu/1,digits,a [2Jb,cpu" in history_csv.render(runs, cells)
