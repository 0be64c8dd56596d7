"""Notes under a run's table: why cells are not ok, and warnings, each said once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.record import Document, Row, Warning
from harness.report import samples
from harness.report.columns import glyph
from harness.report.figures import clean, some
from harness.report.grouping import name_cells
from harness.report.paragraphs import Paragraph

_OPS_NAMED = 5

Groups = dict[tuple[str, str], list[Row]]  # (heading, sentence) -> the cells it is said of


def paragraphs(document: Document) -> list[Paragraph]:
    """What outputs were compared with, then reasons, then warnings."""
    rows = document.cells
    against = samples.compared_with(document)
    text = f"SQNR: signal to quantization noise of the outputs against {against}"
    interrupted = "Interrupted: what was measured until then is shown and stored."
    return [
        *([Paragraph(text, tone="dim")] if against else []),
        *_said(_reasons(rows), rows),
        *_said(_warnings(rows), rows),
        *([Paragraph(interrupted, tone="plain")] if document.interrupted else []),
    ]


def _said(groups: Groups, every: Sequence[Row]) -> list[Paragraph]:
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
    """The reason that all have, to the last count."""
    return rows[0].reason if len({row.reason for row in rows}) == 1 else None


def _not_delegated(row: Row) -> str | None:
    """What a delegate left and why, without the counts that differ from variant to variant."""
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
