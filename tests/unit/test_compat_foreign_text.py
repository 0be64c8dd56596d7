"""Names of models, devices, variants and ops that try to be something else than text."""

from __future__ import annotations

from html.parser import HTMLParser
from io import StringIO

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from harness.accelerators import Refusal
from harness.analysis.compat import CompatReport, OpsInTheWay
from harness.record import FailedVariant
from harness.report import compat as terminal
from harness.report import compat_html, compat_markdown, output
from harness.report.compat_view import view
from tests.unit.compat_cells import cell, observed, predicted, refused, report_of

NAMES = {
    "script": "<script>alert(1)</script>",
    "quotes": "\"' onmouseover='x' `a` \"",
    "markdown": "**b** | [l](http://x.y) _i_ ![i](j) # & ~~s~~ $x$ \\",
    "right-to-left": "\u05d0\u05d1\u05d2 \u202egnp.exe\u202c",
    "terminal": "a\x1b[31mred\x1b]0;title\x07\r\nline",
    "template": "{{ 7 * 7 }} {% raw %}",
}
LONG = "x" * 10_000
ALLOWED = {"class", "role", "scope", "lang", "charset", "name", "content", "rowspan", "colspan"}


def hostile(name: str) -> CompatReport:
    """A report in which everything that has a name has this one."""
    way = OpsInTheWay(name, 1, "not taken", False, name, name, name)
    column = (name, "edgetpu", None, None)
    cells = [
        cell(name, predicted(8), model=name, column=column, way=(way,)),
        cell(f"{name}2", replace(refused(), refusal=Refusal(name, name, name)), model=name, column=column),
        cell("plain", predicted(9), replace(observed(8), matches=False), model=name, column=column),
    ]
    return replace(report_of(cells), failed=(FailedVariant(name, name, name),))


class Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {key for key, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("kind", NAMES)
def test_the_page_has_our_tags_only(kind):
    found = hostile(NAMES[kind])
    page, plain = Page(compat_html.render(found)), Page(compat_html.render(hostile("harmless")))
    assert page.tags == plain.tags
    assert page.attributes <= ALLOWED | {"aria-label", "data-label"}
    assert not {"script", "img", "a", "link", "iframe"} & {*page.tags}
    seen, text = view(found), words(page.text)
    for verdict in seen.verdicts:
        assert words(f"{verdict.head}: {verdict.text}") in text
    for line in (*(remark.head for remark in seen.obstacles), *seen.differences, *seen.failed):
        assert words(line) in text
    assert len(seen.obstacles) == 2 and len(seen.differences) == len(seen.failed) == 1


@pytest.mark.parametrize("kind", NAMES)
def test_markdown_shows_names_as_text(kind):
    found = hostile(NAMES[kind])
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    pages = [Page(renderer.render(compat_markdown.render(report))) for report in (found, hostile("harmless"))]
    assert pages[0].tags == pages[1].tags and pages[0].attributes == pages[1].attributes
    for verdict in view(found).verdicts:
        assert words(f"{verdict.head}: {verdict.text}") in words(pages[0].text)


@pytest.mark.parametrize("kind", NAMES)
def test_the_terminal_gets_no_controls(kind):
    out = StringIO()
    terminal.render(hostile(NAMES[kind]), output.console(into=out))
    lines = out.getvalue().split("\n")
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) <= 80


def test_long_names_stay_short():
    found = hostile(LONG)
    out = StringIO()
    terminal.render(found, output.console(into=out))
    for text in (out.getvalue(), compat_markdown.render(found), compat_html.render(found)):
        assert LONG not in text and "x" * 20 in text
        assert len(text) < 60_000


def test_names_that_look_alike_when_shortened_keep_their_cells():
    long = [f"{'x' * 500}{number}{'y' * 500}" for number in range(2)]
    columns = [(name, "edgetpu", None, None) for name in long]
    found = report_of(
        [cell("v", of, column=column) for column, of in zip(columns, (predicted(9), refused()), strict=True)]
    )
    ((line,),) = (matrix.lines for matrix in view(found).matrices)
    assert [entry.kind for entry in line.entries] == ["all", "refused"]
