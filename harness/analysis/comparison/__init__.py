"""Compare two runs cell by cell: pure functions from their records to one document."""

from __future__ import annotations

from harness.analysis.comparison.cells import compared_cells
from harness.analysis.comparison.facts import differing_facts, other_machines
from harness.analysis.comparison.gates import judged
from harness.analysis.comparison.side import parts
from harness.errors import ResultsError
from harness.record import Document, Run, subject
from harness.record.comparison import ComparedRun, Comparison, Limits

Side = tuple[Run, Document]  # the document is derived from the run


def compare_runs(base: Side, head: Side, limits: Limits) -> Comparison:
    """Compare two runs. Raises ResultsError if they have no cell in common."""
    here, there = parts(*base), parts(*head)
    if not here.keys() & there.keys():
        told = " and ".join(f"{run.header.run_id} has {_named(run)}" for run, _ in (base, head))
        raise ResultsError(f"the runs have no cell in common: {told}")
    elsewhere = other_machines(base[0], head[0])
    cells = compared_cells(here, there, limits)
    judgements = tuple(judged(cell, limits, cell.device in elsewhere) for cell in cells)
    return Comparison(
        base=_run(base[0]),
        head=_run(head[0]),
        facts=tuple(differing_facts(base[0], head[0], base[1].cells, head[1].cells)),
        other_machines=elsewhere,
        limits=limits,
        cells=judgements,
        failed=any(cell.failed for cell in judgements),
    )


def _run(run: Run) -> ComparedRun:
    header = run.header
    return ComparedRun(
        header.run_id, header.started_at or None, run.finished_at, header.qbench_version or None
    )


def _named(run: Run) -> str:
    cell = run.cells[0].cell if run.cells else None
    if cell is None:
        return "none"
    more = f" and {len(run.cells) - 1} more" if len(run.cells) > 1 else ""
    return f"{subject(cell)} {cell.variant.name}/{cell.delegate.name}@{cell.device.name}{more}"
