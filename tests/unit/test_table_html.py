"""A run's table as HTML: it says what the terminal says, and no name gets out of its place."""

from __future__ import annotations

import io
from collections import Counter
from html.parser import HTMLParser

from rich.console import Console

from harness.analysis import document
from harness.report.html import table_html
from harness.report.table import render
from tests.unit.run_builder import cell, device, measured, run, typical, variant


class Texts(HTMLParser):
    """The texts of a page in order, and all that is not text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [value for _, value in attrs]

    def handle_data(self, data: str) -> None:
        if self.tags[-1] != "style" and data.strip():
            self.texts.append(data.strip())


def words(text: str) -> list[str]:
    return sorted(word for word in text.split() if set(word) - set("─—"))


def test_it_says_what_the_terminal_says() -> None:
    """But for the delegate of a block whose cells share one: its title names it."""
    made, stream = document(typical()), io.StringIO()
    render(made, Console(file=stream, width=2000))
    terminal, page = (
        Counter(words(stream.getvalue())),
        Counter(words(" ".join(Texts(table_html(made)).texts))),
    )
    assert not page - terminal
    assert set(terminal - page) == {"delegate", "cpu", "xnnpack"}


def test_the_best_row_has_the_star_and_rows_without_figures_are_dim() -> None:
    page = table_html(document(typical()))
    best, rest = page.split('<tr class="star">')[1].split("</tr>", 1)
    assert "★" in best and ">float32<" in best
    assert page.count('<tr class="dim">') == 2  # int16x8 was refused on both
    assert '<tr class="star">' not in rest


def test_names_stay_text() -> None:
    name = '<img src=x onerror="alert(1)">&amp;\x1b[2J\u202e\udcff'
    built = run(
        [measured(cell(name, "cpu", model=name), [1.0])], [variant(name, model=name)], [device("cpu")]
    )
    page = table_html(document(built))
    found = Texts(page)
    assert not {"img", "script"} & set(found.tags)
    assert not any("alert" in (value or "") for value in found.attributes)
    assert any('<img src=x onerror="alert(1)">&amp; [2J' in text for text in found.texts)
    assert not set("\x1b\u202e\udcff") & set(page)
    page.encode("utf-8")
