"""Names and messages from outside, made safe to print and bounded; the console that everything passes."""

from __future__ import annotations

import io
import json

import msgspec
from rich.table import Table
from rich.text import Text

from harness.analysis import document
from harness.record import Document, Fidelity
from harness.report import output, table
from harness.report.figures import LONGEST_LINE, LONGEST_NAME, brief, clean, printable, short, sqnr
from tests.unit.run_builder import typical

HOSTILE = "a\x1b[31m\x07\x9b2J\u202eb\u2066\r\x00c"


def test_clean_leaves_one_printable_line_of_bounded_length():
    assert clean("résumé ★ µs 模型") == "résumé ★ µs 模型"
    assert clean(HOSTILE) == "a [31m 2J b c"
    assert clean("a\nqbench: all is well\n\tb\u2028c\u0085d") == "a qbench: all is well b c d"
    assert len(clean("x y " * 100_000)) == LONGEST_LINE
    assert len(clean("no kernel for " + "x" * 10_000)) < 600
    assert printable("a\n\x1bb") == "a\n b"


def test_brief_keeps_both_ends():
    assert brief("short", 5) == "short"
    assert brief("0123456789", 7) == "0123…89"
    assert all(len(brief("x" * 100, longest)) == longest for longest in range(4, 100))
    assert len(short("long" * 2500)) == LONGEST_NAME


def printed(*things: object) -> str:
    console = output.console()
    console.file, console.width = io.StringIO(), 200
    for thing in things:
        console.print(thing)
    return console.file.getvalue()


def test_the_console_cleans_what_nobody_cleaned():
    folded = Table("[red]head[/red]")
    folded.add_column(Text(HOSTILE))
    folded.add_row("[bold]:smile:", Text(f"{HOSTILE}\nsecond line"))
    text = printed(f"[red]{HOSTILE}\nforged", Text(f"{HOSTILE}\nforged", style="bold"), folded)
    assert not {char for char in text if not char.isprintable() and char != "\n"}
    assert not any(line.startswith("forged") for line in text.splitlines())
    assert text.startswith("[red]a") and "[red]head[/red]" in text and "[bold]:smile:" in text


def test_styles_stay(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert printed(Text("bold\x1b!", style="bold")) == "\x1b[1mbold !\x1b[0m\n"


def test_names_of_10_kb_are_cut_in_the_table():
    text = json.dumps(msgspec.to_builtins(document(typical()))).replace('"int8"', f'"{"long" * 2500}"')
    console = output.console()
    console.file, console.width = io.StringIO(), 120
    table.render(msgspec.convert(json.loads(text), Document), console)
    head = console.file.getvalue().partition("★ ")[0]
    assert "long" in head and head.count("long") < 200


def test_a_hair_below_no_decibel_is_no_negative_zero():
    assert sqnr(Fidelity("", sqnr_db=-0.01, max_abs_error=1.0)) == "0.0"
    assert sqnr(Fidelity("", sqnr_db=-0.06, max_abs_error=1.0)) == "-0.1"
