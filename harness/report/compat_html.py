"""The compatibility report as one HTML page: nothing to load, no script, for screen, phone and paper.

Built as a tree of elements, so that every text is escaped by the standard library that writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from harness.report.compat_view import LEGEND, Matrix, Remark, view

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin: 2rem 0 .3rem; }
p.about, p.legend, .source { color: GrayText; font-size: .9rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #8886; }
td { overflow-wrap: anywhere; }
.all { border-left: .35rem solid #2a8f4b; } .partly { border-left: .35rem solid #c99a00; }
.none, .refused { border-left: .35rem solid #c43c3c; } .uncertain { border-left: .35rem dashed #888; }
.differs { font-weight: bold; }
dt { margin-top: .8rem; font-weight: bold; overflow-wrap: anywhere; } dd { margin: .1rem 0 .1rem 1.2rem; }
@media (max-width: 40rem) {
  thead { display: none; }
  table, tbody, tr, td { display: block; }
  tr { margin: 0 0 1rem; border: 1px solid #8886; border-radius: .4rem; }
  td::before { content: attr(data-label) ": "; font-weight: bold; }
}
@media print {
  :root { color-scheme: light; }
  body { font-size: 10pt; max-width: none; padding: 0; }
  h2, dt { break-after: avoid; } tr, dd { break-inside: avoid; } thead { display: table-header-group; }
}
"""


def render(document: Mapping[str, Any]) -> str:
    """The whole page as text, UTF-8 declared."""
    seen = view(document)
    page = Element("html", lang="en")
    head = SubElement(page, "head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    SubElement(head, "title").text = "Compatibility report"
    SubElement(head, "style").text = _STYLE
    body = SubElement(page, "body")
    SubElement(body, "h1").text = "Compatibility report"
    SubElement(body, "p", {"class": "about"}).text = f"qbench {document['qbench_version']}"
    SubElement(body, "p", {"class": "legend"}).text = LEGEND
    for matrix in seen.matrices:
        _matrix(body, matrix)
    _remarks(body, "Observed otherwise than predicted", seen.differences)
    _remarks(body, "What stands in the way", seen.in_the_way)
    _remarks(body, "What runtimes load", seen.limits)
    _remarks(body, "Variants that could not be made", seen.failed)
    return "<!DOCTYPE html>\n" + tostring(page, encoding="unicode", method="html") + "\n"


def _matrix(body: Element, matrix: Matrix) -> None:
    SubElement(body, "h2").text = matrix.device
    SubElement(body, "p", {"class": "about"}).text = matrix.about
    table = SubElement(body, "table")
    names = ("model", "variant", *matrix.columns)
    heads = SubElement(SubElement(table, "thead"), "tr")
    for name in names:
        SubElement(heads, "th", scope="col").text = name
    rows = SubElement(table, "tbody")
    for model, variant, entries in matrix.rows:
        row = SubElement(rows, "tr")
        for name, text in zip(names, (model, variant), strict=False):
            SubElement(row, "td", {"data-label": name}).text = text
        for name, entry in zip(matrix.columns, entries, strict=True):
            kind = f"{entry.kind} differs" if entry.mark == "≠" else entry.kind
            cell = SubElement(row, "td", {"data-label": name, "class": kind})
            cell.text = f"{entry.mark} {entry.text}"


def _remarks(body: Element, title: str, remarks: Sequence[Remark]) -> None:
    if not remarks:
        return
    SubElement(body, "h2").text = title
    listing = SubElement(body, "dl")
    for remark in remarks:
        SubElement(listing, "dt").text = f"{remark.where}: {remark.what}"
        SubElement(listing, "dd").text = remark.reason
        if remark.remedy:
            SubElement(listing, "dd").text = f"→ {remark.remedy}"
        if remark.source:
            SubElement(listing, "dd", {"class": "source"}).text = f"Source: {remark.source}"
