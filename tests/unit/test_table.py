"""The table as people see it: right figures, whole in 80 columns, safe in a pipe."""
# ruff: noqa: RUF001 (the typographic signs are meant)

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from delegates.wire import Ops
from harness.analysis import conclude, document
from harness.record import Document, Fidelity, Interval, Refused, Row, Run, Unavailable
from harness.report import figures
from harness.report.table import as_text, render
from tests.unit.run_builder import cell, device, joined, launched, measured, output, run, typical, variant

EVERY_HEADER = {
    *("variant", "delegate", "ops", "taken", "size", "ratio", "median", "p90"),
    *("speedup", "mem", "SQNR", "top-1", "status"),
}
VARIANTS = ("float32", "float16", "dynamic", "int8_float", "int8", "uint8", "int16x8")


def shown(built: Run, width: int = 120, **console: Any) -> str:
    stream = io.StringIO()
    render(document(built), Console(file=stream, width=width, **console), "results/a-run")
    return stream.getvalue()


def row(text: str, name: str, nth: int = 0) -> str:
    """The nth table row that shows the variant `name`: its words, without the star."""
    rows = [line[1:].split() for line in text.splitlines() if line[2:].startswith(f"{name} ")]
    return " ".join(rows[nth])


def test_a_profiles_note_stands_over_its_figures():
    built = typical()
    noted = replace(built.devices[1], note="emulated: not\ta board's speed")
    built = joined(replace(built, devices=(built.devices[0], noted)))
    blocks = shown(built).split("\n\n")
    assert [block.count("emulated: not a board's speed") for block in blocks[:2]] == [0, 1]


def headers(text: str) -> set[str]:
    """The words above the first rule."""
    above = text[: text.index("───")].splitlines()
    return set(" ".join(above[1:]).split())


def all_seven(several_delegates: bool) -> Run:
    """Seven variants with figures as wide as they come; int16x8 is very slow, uint8 has no hardware."""
    devices = [device("lab", ["cpu", "xnnpack"])] if several_delegates else [device("cpu"), device("xnnpack")]
    cells = []
    for delegate in ("cpu", "xnnpack"):
        for number, name in enumerate(VARIANTS):
            built = cell(name, delegate, "lab" if several_delegates else delegate)
            if name == "uint8":
                cells.append(replace(built, ended=Unavailable("no such device")))
                continue
            ms = [12.3 * (1 + number), 12.9 * (1 + number), 11.8 * (1 + number)]
            ops = Ops(116, 100 + number, 12)
            cells.append(measured(built, ms, ops=ops, outputs=[output([[1.0, 2.0 + number / 100]])]))
    sizes = [variant(name, 13_978_596 // (1 + number)) for number, name in enumerate(VARIANTS)]
    return run(cells, sizes, devices)


def test_a_row_says_what_was_measured() -> None:
    assert row(shown(typical()), "dynamic", 1) == (
        "dynamic xnnpack 1/4 16.0 2.50× 612 825 2.00× [2.00–2.00] 50.0 46.1 100% ~ partial"
    )
    assert (
        row(shown(typical()), "float32") == "float32 cpu 4/4 40.0 1.00× 1225 1650 baseline 50.0 ref 100% ✓ ok"
    )
    assert row(shown(typical()), "int16x8") == "int16x8 cpu – – – – – – – – – ✗ refused"


def test_title_names_machine_and_runtime() -> None:
    assert shown(typical()).startswith(
        "digits on cpu — cpu delegate, AMD EPYC, 2 cores, ai-edge-litert 2.3.0, 1 thread\n"
    )


@pytest.mark.parametrize("several_delegates", [False, True])
def test_everything_there_at_110_columns(several_delegates: bool) -> None:
    text = shown(all_seven(several_delegates), width=110)
    assert headers(text) >= EVERY_HEADER
    assert "0.20× [0.20–0.20]" in row(text, "int8") and "…" not in text


@pytest.mark.parametrize("several_delegates", [False, True])
@pytest.mark.parametrize("width", [60, 70, 80, 95, 110, 200])
def test_no_figure_is_ever_cut_or_wrapped(several_delegates: bool, width: int) -> None:
    text = shown(all_seven(several_delegates), width=width)
    assert "…" not in text
    for name in VARIANTS:
        status = "? unavailable" if name == "uint8" else "~ partial"
        speedup = f"{1 / (1 + VARIANTS.index(name)):.2f}× "
        assert row(text, name, 1).endswith(status)
        assert speedup in row(text, name, 1) or name == "uint8"
    assert max(map(len, text.splitlines())) <= width


def test_80_columns_keep_what_matters() -> None:
    text = shown(all_seven(False), width=80)
    assert (
        row(text, "int8_float", 1)
        == "int8_float 103/116 3.49 4.00× 61.2 77.4 0.25× ±0.00 50.0 37.4 ~ partial"
    )


def test_columns_go_in_the_stated_order() -> None:
    order = ["top-1", "p90", "mem", "SQNR", "ops", "ratio"]
    for width in range(45, 111, 5):
        there = headers(shown(all_seven(True), width=width))
        missing = [header for header in order if header not in there]
        assert missing == order[: len(missing)], width
        assert there >= {"variant", "delegate", "median", "speedup", "status"}  # both delegates in one block


def test_too_narrow_a_terminal_still_gets_whole_figures() -> None:
    text = shown(all_seven(True), width=20)
    assert "…" not in text and "0.25× ±0.00" in text


def test_long_names_are_folded_not_cut() -> None:
    name = "a_very_long_name_of_a_ready_made_tflite_file_v2"
    built = run([measured(cell(name, "cpu"), [1.0])], [variant(name)], [device("cpu")])
    text = shown(built, width=80)
    column = "".join(line[2:18].strip() for line in text.splitlines()[3:] if line.startswith("  "))
    assert name in column and max(map(len, text.splitlines())) <= 80


def test_the_fastest_cell_has_a_star_and_a_sentence() -> None:
    text = shown(typical())
    starred = [line for line in text.splitlines() if line.startswith("★")]
    assert starred[0].split()[:3] == ["★", "float32", "xnnpack"]
    assert starred[1] == (
        "★ digits: float32 on xnnpack is fastest: 4.01× [3.81–4.21] against float32/cpu@cpu; "
        "outputs the same, top-1 same in 100%"
    )


def winners(made: Document) -> list[Row]:
    return [found.cell for found in conclude(made) if found.cell is not None]


def best(*cells: Any, variants: Any = ()) -> list[str]:
    built = [measured(cell("float32", "cpu"), [1.0, 1.0]), *cells]
    made = [*map(variant, ("float32", "int8", "uint8")), *variants]
    return [row.variant for row in winners(document(run(built, made, [device("cpu"), device("xnnpack")])))]


def test_no_star_without_a_win() -> None:
    assert best() == []
    assert best(measured(cell("int8", "cpu"), [2.0, 2.0])) == ["float32"]
    maybe = measured(cell("int8", "cpu"), [0.2, 1.4])  # on average faster, but it could as well be slower
    assert best(maybe) == ["float32"]
    fallback = measured(cell("int8", "xnnpack"), [0.5, 0.5], ops=Ops(4, 0, 0))
    assert best(fallback, measured(cell("uint8", "cpu"), [0.9, 0.9])) == ["uint8"]


def test_another_model_wins_nothing() -> None:
    from tests.unit.run_builder import tensor

    small = variant("small", inputs=(tensor((1, 2)),))
    assert best(measured(cell("small", "cpu"), [0.1, 0.1]), variants=[small]) == ["float32"]


def test_reasons_are_said_once_with_all_their_cells() -> None:
    text = shown(typical())
    assert text.count("the converter has no int16 kernel") == 1
    assert "✗ refused  int16x8 on cpu, xnnpack\n" in text
    assert (
        "! fallback  int8 on xnnpack\n    XNNPACK took 0 of 3 ops: tflite-runtime 2.14 has no int8 kernels "
        "in XNNPACK; ai-edge-litert has\n"
    ) in text


def test_a_device_that_is_not_there_is_said_in_one_line() -> None:
    cells = [
        cell(name, "gpu", "board", ended=Unavailable("no Vulkan device")) for name in ("float32", "int8")
    ]
    text = shown(run(cells, [variant("float32"), variant("int8")], [device("board", ["gpu"])]))
    assert "? unavailable  all variants on gpu@board\n    no Vulkan device\n" in text


def test_warnings_are_said_once_with_all_their_cells() -> None:
    text = shown(typical())
    assert "warning generated-calibration  int8 on cpu, xnnpack\n    calibrated on random data" in text
    assert text.count("calibrated on random data") == 1


def test_models_are_named_where_there_are_several() -> None:
    cells = [cell("int8", "cpu", model=name, ended=Refused("no")) for name in ("m", "n")]
    text = shown(run(cells, [variant("int8", model=name) for name in "mn"], [device("cpu")]))
    assert "✗ refused  m: int8 on cpu; n: int8 on cpu" in text


def test_threads_are_a_column_only_where_they_differ() -> None:
    def at(counts: tuple[int, ...]) -> str:
        cells = [measured(cell("float32", "cpu", threads=n), [1.0, 1.0]) for n in counts]
        return shown(run(cells, [variant("float32")], [device("cpu")]))

    assert "thr" not in at((4,)).replace("threads", "") and "4 threads" in at((4,))
    assert "thr" in at((1, 4)) and row(at((1, 4)), "float32", 1).startswith("float32 cpu 4 4/4")


def test_notes_name_the_threads_where_they_are_not_of_all() -> None:
    cells = [cell("int8", "cpu", threads=n, ended=Refused("no" if n > 1 else "never")) for n in (1, 2, 4)]
    text = shown(run(cells, [variant("int8")], [device("cpu")]))
    assert "✗ refused  int8 on cpu (1 thread)\n    never\n" in text
    assert "✗ refused  int8 on cpu (2 threads), cpu (4 threads)\n    no\n" in text
    cells = [cell("int8", "cpu", threads=n, ended=Refused("no")) for n in (1, 2, 4)]
    assert "✗ refused  int8 on cpu\n" in shown(run(cells, [variant("int8")], [device("cpu")]))


def test_a_pipe_gets_no_escapes_and_no_color_no_colour() -> None:
    assert "\x1b" not in shown(typical())
    coloured = shown(typical(), force_terminal=True, color_system="standard")
    plain = shown(typical(), force_terminal=True, color_system="standard", no_color=True)
    assert "\x1b[32m" in coloured and "\x1b[32m" not in plain


def test_names_cannot_play_tricks() -> None:
    name = "[bold]x[/bold]\x1b[2J\n:smile:\u202e\udcff"
    built = run([measured(cell(name, "cpu"), [1.0])], [variant(name)], [device("cpu")])
    text = shown(built, width=200)
    assert "[bold]x[/bold] [2J :smile:" in text
    assert not set("\x1b\u202e\udcff") & set(text)


def test_interruption_and_place_are_said() -> None:
    text = shown(run([cell("int8", "cpu")], [variant("int8")], [device("cpu")], interrupted=True))
    assert "Interrupted" in text and text.endswith("results: results/a-run\n")


def test_the_table_as_text_is_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = shown(typical()).removesuffix("results: results/a-run\n")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert as_text(document(typical())) == expected


def test_nothing_measured_at_all() -> None:
    assert shown(run([], [], [])) == "results: results/a-run\n"


@pytest.mark.parametrize(
    ("value", "low", "high", "short", "long"),
    [
        (3.4213, 3.37, 3.4741, "3.42× ±0.06", "3.42× [3.37–3.47]"),
        (0.0331, 0.0329, 0.0333, "0.033× ±0.001", "0.033× [0.033–0.033]"),
        (12.34, 11.0, 13.9, "12.3× ±1.6", "12.3× [11.0–13.9]"),
        (2.0, None, None, "2.00×", "2.00×"),
        (1.0, 1.0, 1.0, "1.00× ±0.00", "1.00× [1.00–1.00]"),
    ],
)
def test_speedups(value: float, low: float | None, high: float | None, short: str, long: str) -> None:
    found = Interval(value, low, high)
    assert (figures.speedup(found, wide=False), figures.speedup(found, wide=True)) == (short, long)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0.00"), (0.2013, "0.201"), (4.916, "4.92"), (15.26, "15.3"), (61234.5, "61234")],
)
def test_numbers_have_three_digits_and_no_exponent(value: float | None, text: str) -> None:
    assert figures.number(value) == text


def test_a_column_has_one_unit() -> None:
    assert figures.common_unit([0.2, 600.0, None], figures.TIME_UNITS) == ("µs", 1e-3)
    assert figures.common_unit([3.5e6, 1.4e7], figures.SIZE_UNITS) == ("MB", 1e6)
    assert figures.common_unit([None], figures.SIZE_UNITS) == ("B", 1)


@pytest.mark.parametrize(
    ("sqnr_db", "error", "text"),
    [(41.23, 0.1, "41.2"), (None, 0.0, "exact"), (None, None, "NaN"), (None, 1.0, "–")],
)
def test_sqnr(sqnr_db: float | None, error: float | None, text: str) -> None:
    assert figures.sqnr(Fidelity("float32/cpu@cpu", sqnr_db=sqnr_db, max_abs_error=error)) == text


def test_shares_are_rounded_down() -> None:
    shares = [figures.share(value) for value in (1.0, 0.9999, 0.986, 0.29, None)]
    assert shares == ["100%", "99.9%", "98.6%", "29.0%", "–"]


def test_nan_outputs_are_seen_in_the_table() -> None:
    cells = [
        measured(cell("float32", "cpu"), [1.0], outputs=[output([[1.0, 2.0]])]),
        measured(cell("int8", "cpu"), [1.0], outputs=[output([[1.0, math.nan]])]),
    ]
    text = shown(run(cells, [variant("float32"), variant("int8")], [device("cpu")]))
    assert "NaN" in row(text, "int8") and "warning nan-output  int8 on cpu" in text


def with_software_gpu() -> Run:
    """A GPU that is software and fastest of all, in a run with int8 on the CPU."""
    facts = {"adapter": "SwiftShader Device", "kind": "CPU", "software": True, "precision": "default"}
    cells = [
        measured(cell("float32", "cpu"), [1.0, 1.1, 0.9]),
        measured(cell("int8", "cpu"), [0.5, 0.55, 0.45]),
        measured(cell("int8", "gpu"), [0.1, 0.11, 0.09]),
    ]
    cells[2] = launched(cells[2], *cells[2].launches, delegate_facts=facts)
    return run(cells, [variant("float32"), variant("int8", 4000)], [device("cpu"), device("gpu")])


def test_a_software_gpu_is_called_so_everywhere_and_never_wins():
    built = with_software_gpu()
    found = document(built)
    assert [(row.variant, row.delegate) for row in winners(found)] == [("int8", "cpu")]
    codes = {row.delegate: [warning.code for warning in row.warnings] for row in found.cells}
    assert "software-gpu" in codes["gpu"]
    assert "software-gpu" not in codes["cpu"]
    text = shown(built, width=80)
    assert "SwiftShader Device (software)" in text
    assert "✓ ok (software)" in text
    assert "warning software-gpu" in text


def test_a_software_gpu_does_not_win_as_the_baseline_either():
    built = with_software_gpu()
    assert winners(document(replace(built, cells=built.cells[2:] * 2))) == []
