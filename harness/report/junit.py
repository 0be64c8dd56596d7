"""A comparison as a JUnit file: one test case per cell, which CI systems show by themselves."""

from __future__ import annotations

from xml.etree import ElementTree

from harness.record import subject
from harness.record.comparison import ComparedCell, Comparison
from harness.report.changes import change, slowdown
from harness.report.comparison_view import VERDICTS
from harness.report.figures import clean, plural
from harness.report.gate_lines import describe

_NOTHING = ("only_base", "only_head", "not_measured")


def render(comparison: Comparison) -> str:
    """Return the XML, in ASCII, as standard output may have any encoding.

    A cell that fails a gate is a failure; one that is not compared, or not decided, counts as skipped.
    """
    root = ElementTree.Element("testsuites", name="qbench compare")
    suite = ElementTree.SubElement(root, "testsuite", name="qbench compare")
    if comparison.head.started_at is not None:
        suite.set("timestamp", clean(comparison.head.started_at).removesuffix("Z"))
    properties = ElementTree.SubElement(suite, "properties")
    named = {"base": comparison.base.run_id, "head": comparison.head.run_id}
    if comparison.against is not None:
        named["against"] = comparison.against
    for name, value in named.items():
        ElementTree.SubElement(properties, "property", name=name, value=clean(value))
    cases = [_case(suite, cell, comparison) for cell in comparison.cells]
    for element in (root, suite):
        element.set("tests", str(len(cases)))
        element.set("failures", str(sum(case.find("failure") is not None for case in cases)))
        element.set("errors", "0")
        element.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
        element.set("time", "0")
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="us-ascii").decode("ascii")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(suite: ElementTree.Element, cell: ComparedCell, comparison: Comparison) -> ElementTree.Element:
    threads = f" ({plural(cell.threads, 'thread')})" if cell.threads > 1 else ""
    name = clean(f"{cell.variant}/{cell.delegate}{threads}")
    classname = clean(f"{subject(cell)}.{cell.device}")
    case = ElementTree.SubElement(suite, "testcase", classname=classname, name=name, time="0")
    texts = {gate: describe(cell, gate, comparison) for gate in (*cell.failed, *cell.undecided)}
    if cell.failed:
        told = "; ".join(texts[gate] for gate in cell.failed)
        failure = ElementTree.SubElement(case, "failure", type=" ".join(cell.failed), message=told)
        failure.text = told
    elif cell.verdict in _NOTHING or cell.undecided:
        why = "; ".join(texts.values()) or cell.reason or VERDICTS[cell.verdict][0]
        ElementTree.SubElement(case, "skipped", message=clean(why))
    told = "" if cell.ratio is None else f", time {change(slowdown(cell.ratio))}"
    ElementTree.SubElement(case, "system-out").text = clean(f"{cell.verdict.replace('_', ' ')}{told}")
    return case
