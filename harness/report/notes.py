"""Notes under a run's table: why cells are not ok, and warnings. Equal notes are joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.analysis.sides import document_of, has_sides
from harness.record import Document, Row, Warning
from harness.report import accuracy, samples
from harness.report.columns import glyph
from harness.report.figures import clean, some
from harness.report.grouping import name_cells
from harness.report.paragraphs import Paragraph

_OPS_NAMED = 5

Groups = dict[tuple[str, str], list[Row]]  # (heading, sentence) -> the cells it applies to


def paragraphs(document: Document) -> list[Paragraph]:
    """Return the notes: what outputs were compared with, reasons, warnings, interruption.

    Of a run with two sides, those of HEAD, then what BASE has to say otherwise.
    """
    own = document_of(document, "head")
    rows = own.cells
    reference = samples.compared_with(own)
    text = f"SQNR: signal to quantization noise of the outputs against {reference}"
    interrupted = "Interrupted: what was measured until then is shown and stored."
    tags = ", ".join(f"{name}={value}" for name, value in document.tags.items())
    return [
        *([Paragraph(text, tone="dim")] if reference else []),
        *accuracy.paragraph(document),
        *_paragraphs(_reasons(rows), rows),
        *_paragraphs(_warnings(rows), rows),
        *_of_base(document, rows),
        *([Paragraph(interrupted, tone="plain")] if document.interrupted else []),
        *([Paragraph(clean(_resumed(document)), tone="dim")] if document.resumes else []),
        *([Paragraph(clean(f"tags: {tags}"), tone="dim")] if tags else []),
    ]


def _of_base(document: Document, head: Sequence[Row]) -> list[Paragraph]:
    """Return the reasons and warnings of BASE that HEAD does not have."""
    if not has_sides(document):
        return []
    rows = document_of(document, "base").cells
    known = [*_paragraphs(_reasons(head), head), *_paragraphs(_warnings(head), head)]
    found = [*_paragraphs(_reasons(rows), rows), *_paragraphs(_warnings(rows), rows)]
    return [replace(one, head=f"BASE: {one.head}") for one in found if one not in known]


def _resumed(document: Document) -> str:
    first, *others = document.run_id.split(" + ")
    if not others:
        return f"Only what this run measured: it resumes {document.resumes}"
    return f"run {first}, and what it lacked: {', '.join(others)}"


def _paragraphs(groups: Groups, every: Sequence[Row]) -> list[Paragraph]:
    return [
        Paragraph(clean(head), clean(name_cells(rows, every)), (clean(sentence),))
        for (head, sentence), rows in groups.items()
    ]


def _reasons(rows: Iterable[Row]) -> Groups:
    groups: Groups = {}
    for row in rows:
        if row.reason:
            head = f"{glyph(row.status)} {row.status}"
            groups.setdefault((head, _not_delegated(row) or row.reason), []).append(row)
    return {(head, _common_reason(alike) or sentence): alike for (head, sentence), alike in groups.items()}


def _common_reason(rows: Sequence[Row]) -> str | None:
    """Return the reason if it is exactly the same for all rows."""
    return rows[0].reason if len({row.reason for row in rows}) == 1 else None


def _not_delegated(row: Row) -> str | None:
    """Return which ops a delegate left and why, without counts, which differ between variants."""
    if row.status not in {"partial", "fallback"} or row.ops is None or not row.ops.not_delegated:
        return None
    by_reason: dict[str, dict[str, None]] = {}
    for group in row.ops.not_delegated:
        by_reason.setdefault(group.reason or "no reason known", {})[group.op] = None
    if row.status == "fallback" and len(by_reason) == 1:
        return f"no op taken, so this is the CPU: {next(iter(by_reason))}"
    return "; ".join(
        f"{some([*ops], _OPS_NAMED)} left on the CPU: {reason}" for reason, ops in by_reason.items()
    )


def _warnings(rows: Iterable[Row]) -> Groups:
    groups: Groups = {}
    for row in rows:
        for warning in row.warnings:
            groups.setdefault((f"warning {warning.code}", _sentence(warning)), []).append(row)
    return groups


def _sentence(warning: Warning) -> str:
    return f"{warning.message}; {warning.remedy}" if warning.remedy else warning.message
