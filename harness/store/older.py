"""Rebuild runs that an older qbench stored without events, from the rows of run.json."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import structs

from harness.record import (
    Artifact,
    Cell,
    CellRun,
    Crashed,
    DeviceState,
    Document,
    Done,
    Ended,
    FailedVariant,
    Header,
    Pending,
    Refused,
    Row,
    Run,
    Side,
    Skipped,
    Subject,
    TimedOut,
    Unavailable,
    Variant,
    subject,
)

_UNANSWERED = (
    "interrupted before it was measured",
    "the run had not come to it yet when this was stored",
    "the device ended without an answer for this cell",
)
_LAUNCHES_BEFORE = re.compile(r"; the figures are those of the \d+ launch(es)? before$")
_FAILED: Mapping[str, type[Unavailable | Refused | Crashed | TimedOut]] = {
    "unavailable": Unavailable,
    "refused": Refused,
    "crashed": Crashed,
    "timeout": TimedOut,
}


def run_of(document: Document) -> Run:
    """Rebuild the run that a document was exported from, without its launches."""
    variants = {(subject(variant), variant.name, variant.side): variant for variant in document.variants}
    devices = {(device.name, device.side): device for device in document.devices}
    cells = tuple(_cell(row, variants, devices, document) for row in document.cells)
    failed = dict.fromkeys(c.cell.variant for c in cells if isinstance(c.cell.variant, FailedVariant))
    return Run(
        header=_header(document),
        models=document.models,
        variants=document.variants,
        failed=tuple(failed),
        devices=document.devices,
        cells=cells,
        finished_at=document.finished_at,
        interrupted=document.interrupted,
        exported=document,
    )


def _header(document: Document) -> Header:
    return Header(
        run_id=document.run_id,
        started_at=document.started_at or "",
        qbench_version=document.qbench_version or "",
        host=document.host,
        budget_s=document.budget_s,
        precision=document.precision,
        baseline=document.baseline,
        git=document.git,
        tags=document.tags,
        against=document.against,
        base_revision=document.base_revision,
    )


def _cell(
    row: Row,
    variants: Mapping[tuple[Subject, str, Side | None], Variant],
    devices: Mapping[tuple[str, Side | None], DeviceState],
    document: Document,
) -> CellRun:
    names = (subject(row), row.variant)
    failed = FailedVariant(
        row.model, row.variant, row.reason or "", row.side, shape=row.shape, signature=row.signature
    )
    device = devices.get((row.device, row.side)) or devices.get((row.device, None)) or DeviceState(row.device)
    cell = Cell(
        id=row.id or "/".join((row.model, row.variant, row.delegate, row.device, str(row.threads))),
        variant=variants.get((*names, row.side)) or variants.get((*names, None)) or failed,
        device=device,
        delegate=device.delegate(row.delegate),
        threads=row.threads,
        artifact=_artifact(row),
        side=row.side,
    )
    over = document.finished_at is not None and not document.interrupted
    return CellRun(cell, ended=_ended(row, over))


def _artifact(row: Row) -> Artifact | None:
    """Return the compiled file of a row. Its counts of ops stay empty: the row's ops include them already."""
    if row.compiled is None:
        return None
    known = structs.asdict(row.compiled)
    return Artifact(**{**known, "sha256": known["sha256"] or "", "size_bytes": row.size_bytes or 0})


def _ended(row: Row, over: bool) -> Ended:
    reason = _LAUNCHES_BEFORE.sub("", row.reason or "")
    if row.refusal is None and reason in _UNANSWERED:
        return Pending()
    if row.status == "skipped":
        return Skipped(reason)
    if row.status in _FAILED:
        return _FAILED[row.status](reason, row.refusal)
    return Done() if over else Pending()
