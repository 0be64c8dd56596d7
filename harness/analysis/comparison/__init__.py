"""Compare two runs, or the two sides of one, cell by cell: pure functions from records to one document."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from msgspec.structs import replace

from harness import record
from harness.analysis import sides
from harness.analysis.comparison.cells import compared_cells
from harness.analysis.comparison.facts import differing_facts, other_machines
from harness.analysis.comparison.gates import judged
from harness.analysis.comparison.latency import not_compared, of_sides
from harness.analysis.comparison.side import parts
from harness.analysis.differences import some
from harness.errors import ResultsError
from harness.record import Document, Run, subject
from harness.record.comparison import ComparedCell, ComparedRun, Comparison, Limits

Side = tuple[Run, Document]  # the document is derived from the run


def compare_runs(base: Side, head: Side, limits: Limits) -> Comparison:
    """Compare two runs; of a run with two sides, HEAD. Raises ResultsError if they have no cell in common."""
    base, head = (_side(*one, "head") for one in (base, head))
    here, there = parts(*base), parts(*head)
    if not here.keys() & there.keys():
        told = " and ".join(f"{run.header.run_id} has {_named(run)}" for run, _ in (base, head))
        raise ResultsError(f"the runs have no cell in common: {told}")
    shared = sorted(_runs(base[0]) & _runs(head[0]))
    if not shared or _runs(base[0]) == _runs(head[0]):
        return _compared(base, head, limits, compared_cells(here, there, limits))
    why = f"run {some(shared)} is part of both BASE and HEAD"
    cells = compared_cells(here, there, limits, functools.partial(not_compared, why))
    return _compared(base, head, limits, cells, shared=True)


def compare_sides(run: Run, document: Document, limits: Limits) -> Comparison:
    """Compare the two sides of a run that was measured with `--against`, launch by launch.

    document: derived from the run. Raises ResultsError if the run has no sides.
    """
    if not sides.has_sides(run):
        raise ResultsError(f"{run.header.run_id} has no sides to compare: it was measured without --against")
    base, head = _side(run, document, "base"), _side(run, document, "head")
    found = _compared(base, head, limits, compared_cells(parts(*base), parts(*head), limits, of_sides))
    return replace(
        found,
        base=replace(found.base, side="base", revision=run.header.base_revision),
        head=replace(found.head, side="head"),
        against=run.header.against,
    )


def _compared(
    base: Side, head: Side, limits: Limits, cells: Sequence[ComparedCell], *, shared: bool = False
) -> Comparison:
    """Judge the cells. shared: some launches are on both sides, which decides nothing about times."""
    elsewhere = other_machines(base[0], head[0])
    judgements = tuple(judged(cell, limits, shared or cell.device in elsewhere) for cell in cells)
    return Comparison(
        base=_run(base[0]),
        head=_run(head[0]),
        facts=tuple(differing_facts(base[0], head[0], base[1].cells, head[1].cells)),
        other_machines=elsewhere,
        limits=limits,
        cells=judgements,
        failed=any(cell.failed for cell in judgements),
    )


def _runs(run: Run) -> set[str]:
    """Return the ids of the runs that a run was pooled from."""
    return {one.header.run_id for one in run.pooled or (run,)}


def _side(run: Run, document: Document, side: record.Side) -> Side:
    return sides.run_of(run, side), sides.document_of(document, side)


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
