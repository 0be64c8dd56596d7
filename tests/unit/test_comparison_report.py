"""A comparison as people and programs read it: table, Markdown, JUnit, HTML, gate lines."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from io import StringIO
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace
from rich.console import Console

from delegates.wire import Ops
from harness.record import Crashed, Interval, WorkerEnd
from harness.report import comparison_markdown, gate_lines, junit
from harness.report.changes import change, percent
from harness.report.comparison import as_text, render
from harness.report.comparison_html import comparison_html
from tests.unit.comparing import cells_of, compare, made, noisy
from tests.unit.run_builder import INT8_LEFT, cell, joined, launched, measured, output

INT8, INT8_XNN = ("int8", "cpu"), ("int8", "xnnpack")
GATES = {"latency": 0.05, "size": 0.02, "memory": 0.05, "ops": 0}


@pytest.fixture
def worse():
    """int8 is slower on cpu, leaves ops on xnnpack and is larger; float32 crashes on xnnpack."""
    partial = measured(cell(*INT8_XNN), noisy(0.5), ops=Ops(4, 1, 1, INT8_LEFT))
    dead = cell("float32", "xnnpack", ended=Crashed("the worker died", WorkerEnd("invoke", 2, "SIGSEGV")))
    head = made(
        2,
        slower={INT8: 1.08},
        sizes={"int8": 10_900},
        changed=["int8"],
        instead={INT8_XNN: partial, ("float32", "xnnpack"): dead},
        machine={"runtime_version": "2.4.0", "facts_before": {"governors": ["powersave"]}},
    )
    return compare(made(1), head, **GATES)


def shown(comparison, monkeypatch, width=80):
    monkeypatch.setenv("COLUMNS", str(width))
    return as_text(comparison)


def test_the_table_says_what_differs_first_then_times_then_what_else_changed(worse, monkeypatch):
    text = shown(worse, monkeypatch)
    places = [
        text.index(part)
        for part in (
            "BASE run-1 (2026-11-21 05:44, qbench 0.1.0)",
            "cpu, xnnpack: runtime version 2.3.0 → 2.4.0",
            "cpu, xnnpack: governors not known → powersave",
            "other file: digits int8",
            "digits on cpu",
            "digits on xnnpack",
            "What else changed",
        )
    ]
    assert places == sorted(places)
    assert re.search(r"✗ +int8 +cpu +2\.\d+ +2\.\d+ +\+8\.\d% \[\+\d\.\d, \+\d\.\d\] +▼ slower", text)
    words = " ".join(text.split())
    assert "int8 on xnnpack: now leaves 3 ops on the CPU (0 before): 2 CONV_2D, 1 SOFTMAX" in words
    assert "int8 on cpu, int8 on xnnpack: size 10.0 → 10.9 kB (+9.0%)" in words
    assert "float32 on xnnpack: status ok → crashed: the worker died (SIGSEGV)" in words
    assert "1 slower, 2 same, 1 not measured" in words


def test_failures_are_one_line_each(worse):
    assert [re.sub(r"\+\d\.\d% \[.*?\]", "+N%", line) for line in gate_lines.failures(worse)] == [
        "digits int8 on cpu: time +N%, over 5%",
        "digits int8 on cpu: size +9.0%, over 2%",
        "digits float32 on xnnpack: measured in BASE, crashed in HEAD: the worker died (SIGSEGV)",
        "digits int8 on xnnpack: size +9.0%, over 2%",
        "digits int8 on xnnpack: leaves 3 ops on the CPU, 0 before",
    ]
    assert gate_lines.undecided(worse) == []


def test_what_is_undecided_says_why():
    found = compare(made(1), made(2, drift=1.1), **GATES)
    lines = gate_lines.undecided(found)
    assert len(lines) == 4
    assert re.search(
        r"float32 on cpu: time .* against a limit of 5%; nothing about this cell has changed", lines[0]
    )
    assert re.search(
        r"int8 on cpu: time .*; as measured \+\d.*, relative to float32/cpu@cpu [+-]\d", lines[1]
    )
    fewer = replace(made(2), cells=made(2).cells[:3])
    assert gate_lines.undecided(compare(made(1), fewer, **GATES)) == [
        "digits int8 on xnnpack: measured in BASE, not part of HEAD"
    ]
    single = compare(made(1, count=1), made(2, count=1), latency=0.05)
    assert "too few launches" in gate_lines.undecided(single)[0]


def test_nothing_changed_is_said(monkeypatch):
    text = shown(compare(made(1), made(2)), monkeypatch)
    assert "No fact differs" in text
    assert "Nothing else changed clearly" in text
    assert "Yardstick: digits float32 on cpu is the same in both runs" in text


def test_a_run_against_one_that_it_resumes_is_said(monkeypatch):
    """Their launches are in part the same, which looks like "same"."""
    found = compare(made(1), made(2))
    assert "share runs" not in shown(found, monkeypatch)
    resumed = replace(found, head=replace(found.head, run_id="run-1 + run-2"))
    assert "BASE and HEAD share runs  run-1\n" in shown(resumed, monkeypatch)
    assert "compared with themselves" in comparison_markdown.render(resumed)


def test_different_machines_cannot_be_overlooked(monkeypatch):
    found = compare(made(1), made(2, machine={"cpu": "Z80"}), **GATES)
    alarm = "DIFFERENT MACHINES: BASE and HEAD were not measured on the same one (cpu, xnnpack)."
    text = shown(found, monkeypatch)
    assert f"!! {alarm}" in " ".join(text.split())
    assert text.index("DIFFERENT MACHINES") < text.index("What differs")
    assert "on different machines" in text
    assert re.search(r"> \[!CAUTION\]\n> \*\*DIFFERENT MACHINES", comparison_markdown.render(found))
    assert alarm in comparison_html(found)


def test_unchanged_cells_that_moved_and_missing_yardsticks_are_named(monkeypatch):
    words = " ".join(shown(compare(made(1), made(2, slower={INT8: 1.1})), monkeypatch).split())
    assert "Same file, same runtime int8 on cpu What changed here is the machine" in words
    words = " ".join(shown(compare(made(1), made(2, changed=["float32", "int8"])), monkeypatch).split())
    assert "Compared as measured only float32 on cpu, int8 on cpu" in words


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal(width, monkeypatch):
    long = "a_rather_long_name_of_a_variant_as_people_have_them"
    runs = [
        joined(
            replace(
                built,
                cells=tuple(
                    replace(entry, cell=replace(entry.cell, variant=replace(entry.cell.variant, name=long)))
                    if entry.cell.variant.name == "int8"
                    else replace(entry, cell=replace(entry.cell, threads=16))
                    for entry in built.cells
                ),
                variants=tuple(
                    replace(one, name=long) if one.name == "int8" else one for one in built.variants
                ),
            )
        )
        for built in (made(1), made(2, slower={INT8: 12.5}, noise=0.2))
    ]
    text = shown(compare(*runs), monkeypatch, width)
    assert max(map(len, text.splitlines())) <= width
    assert "16" in text


def test_no_color_is_honoured(worse, monkeypatch):
    def on_a_terminal():
        out = StringIO()
        render(worse, Console(file=out, force_terminal=True, width=80))
        return out.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[31m" in on_a_terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in on_a_terminal()


def test_markdown_is_fit_for_a_job_summary(worse):
    text = comparison_markdown.render(worse)
    assert text.startswith("## qbench compare: ❌ gate failed\n")
    assert "### Failed\n\n- digits int8 on cpu: time" in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 2
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1
        assert re.fullmatch(r"\|( --- \|)+", table[1])
    passed = comparison_markdown.render(compare(made(1), made(2), **GATES))
    assert passed.startswith("## qbench compare: ✅ gate passed\n") and "### Failed" not in passed
    assert comparison_markdown.render(compare(made(1), made(2))).startswith("## qbench compare: 4 same\n")


def test_junit_has_one_case_per_cell(worse):
    root = ElementTree.fromstring(junit.render(worse))  # noqa: S314 - our own
    (suite,) = root
    cases = suite.findall("testcase")
    assert [(case.get("classname"), case.get("name")) for case in cases] == [
        ("digits.cpu", "float32/cpu"),
        ("digits.cpu", "int8/cpu"),
        ("digits.xnnpack", "float32/xnnpack"),
        ("digits.xnnpack", "int8/xnnpack"),
    ]
    failures = [case.find("failure") for case in cases]
    assert [None if one is None else one.get("type") for one in failures] == [
        None,
        "latency size",
        "status",
        "size ops",
    ]
    assert all(one is None or one.get("message") == one.text for one in failures)
    for element in (root, suite):
        counts = [element.get(key) for key in ("tests", "failures", "errors", "skipped")]
        assert counts == ["4", "3", "0", "0"]
    assert suite.get("timestamp") == "2026-11-21T05:44:12"


def test_junit_skips_what_was_not_compared_or_not_decided():
    fewer = replace(made(2, drift=1.1), cells=made(2, drift=1.1).cells[:3])

    def skipped(comparison):
        root = ElementTree.fromstring(junit.render(comparison))  # noqa: S314
        return [case.get("name") for case in root.iter("testcase") if case.find("skipped") is not None]

    assert skipped(compare(made(1), fewer)) == ["int8/xnnpack"]
    assert len(skipped(compare(made(1), fewer, latency=0.05))) == 4
    strict = compare(made(1), fewer, latency=0.05, undecided="fail")
    root = ElementTree.fromstring(junit.render(strict))  # noqa: S314
    assert (skipped(strict), root.get("failures")) == ([], "4")


HOSTILE = "<b>|`_*\x1b[31m\ud800\x00\n## \"]]>&amp;' @x"


def test_foreign_text_is_shown_and_not_obeyed(monkeypatch):
    def named(built):
        variants = tuple(replace(one, name=HOSTILE) if one.name == "int8" else one for one in built.variants)
        cells = tuple(
            replace(entry, cell=replace(entry.cell, variant=replace(entry.cell.variant, name=HOSTILE)))
            if entry.cell.variant.name == "int8"
            else entry
            for entry in built.cells
        )
        return joined(replace(built, variants=variants, cells=cells))

    found = compare(named(made(1)), named(made(2, drift=1.5, machine={"cpu": HOSTILE})), **GATES)
    found = replace(found, cells=tuple(replace(one, reason=HOSTILE) for one in found.cells))
    text, marked = shown(found, monkeypatch), comparison_markdown.render(found)
    xml, page = junit.render(found), comparison_html(found)
    for made_ in (text, marked, xml, page, *gate_lines.undecided(found)):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]", made_)
        made_.encode("utf-8")
    assert "\n## " not in marked.partition("\n")[2].replace("\n### ", "")
    assert "<b>" not in page and "<b>" not in marked.replace("\\<b\\>", "")
    root = ElementTree.fromstring(xml)  # noqa: S314
    assert any("<b>|`_*" in (case.get("name") or "") for case in root.iter("testcase"))
    HTMLParser().feed(page)


def test_outputs_that_became_wrong_are_told(monkeypatch):
    def with_outputs(seed, values):
        near = [
            measured(cell(*name), noisy(1.0), outputs=[output([out])])
            for name, out in ((("float32", "cpu"), [1.0, 2.0]), (INT8, values))
        ]
        return made(seed, instead={("float32", "cpu"): near[0], INT8: near[1]})

    base = with_outputs(1, [1.0, 2.01])
    words = " ".join(shown(compare(base, with_outputs(2, [1.0, 2.1])), monkeypatch).split())
    assert "int8 on cpu: SQNR 47.0 → 27.0 dB" in words
    words = " ".join(shown(compare(base, with_outputs(2, [1.0, float("nan")])), monkeypatch).split())
    assert "int8 on cpu: new: warning nan-output" in words


def test_percentages():
    assert [percent(value) for value in (0.0841, -0.5, 0.0)] == ["+8.4%", "-50.0%", "+0.0%"]
    assert change(Interval(12.0, 11.5, 12.5)) == "+1200% [+1150, +1250]"
    assert change(Interval(0.0841, 0.0712, 0.0979)) == "+8.4% [+7.1, +9.8]"
    assert change(Interval(0.0001, -0.0002, 0.0005)) == "+0.01% [-0.02, +0.05]"
    assert change(Interval(0.3, None, None)) == "+30.0%"
    assert change(None) == "–"  # noqa: RUF001


def test_a_change_of_memory_is_shown_where_it_is_clear(monkeypatch):
    more = measured(cell(*INT8), noisy(2.0))
    found = compare(
        made(1), made(2, instead={INT8: launched(more, *more.launches, peak_memory_bytes=60_000_000)})
    )
    assert cells_of(found)[INT8].memory_change is not None
    assert "int8 on cpu: peak memory +20.0%" in shown(found, monkeypatch)
