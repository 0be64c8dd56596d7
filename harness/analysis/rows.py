"""Derive the result document and the exit code of a run."""

from __future__ import annotations

import msgspec

from harness.analysis.conclusion import conclude
from harness.errors import DeviceError
from harness.record import SCHEMA, Document, Row, Run

ESTIMATOR = 1
"""Version of what derives figures. Raise it if a figure in the index (harness/store/entries.py) changes."""

MEASURED = ("ok", "partial", "fallback")
FAILED = ("unavailable", "refused", "crashed", "timeout")


def document(run: Run) -> Document:
    """Return the result document of a run (docs/results.md). Without events, its rows are the stored ones."""
    figures = run.exported or _derived(run)
    conclusions = tuple(each.by_id() for each in conclude(figures))
    return msgspec.structs.replace(figures, conclusions=conclusions)


def exit_code(document: Document) -> int:
    """Return the exit code: 0 if all was measured, 3 if some cell failed, 4 if a device was unreachable.

    A skipped cell is no failure if at least one cell of its device was measured.
    """
    if any(device.problem for device in document.devices):
        return DeviceError.exit_code
    if any(row.status in FAILED for row in document.cells):
        return 3
    measured = {(row.device, row.side) for row in document.cells if row.status in MEASURED}
    return 0 if all((row.device, row.side) in measured for row in document.cells) else 3


def _derived(run: Run) -> Document:
    header = run.header
    return Document(
        schema=SCHEMA,
        run_id=header.run_id,
        started_at=header.started_at,
        finished_at=run.finished_at,
        qbench_version=header.qbench_version,
        interrupted=run.interrupted,
        budget_s=header.budget_s,
        precision=header.precision,
        baseline=header.baseline,
        git=header.git,
        tags=header.tags,
        against=header.against,
        base_revision=header.base_revision,
        estimator=ESTIMATOR,
        host=header.host,
        models=run.models,
        variants=run.variants,
        devices=run.devices,
        cells=_rows(run),
    )


def _rows(run: Run) -> tuple[Row, ...]:
    from harness.analysis.row import rows  # imports numpy, which showing a stored document does not need

    return rows(run)
