"""When a test ends without a verdict of its own: no figures, or slower than what it is compared with."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NoReturn

import pytest

from harness.record import Row, subject
from qbench.estimates import Undecided
from qbench.testing.settings import Settings

if TYPE_CHECKING:
    from harness.record.comparison import ComparedCell, Comparison

MEASURED = ("ok", "partial", "fallback")


def check_measured(row: Row, settings: Settings) -> None:
    """Skip or fail the test if a cell has no figures, as --qbench-unavailable says."""
    if row.status in MEASURED:
        return
    name = f"{row.variant}/{row.delegate}@{row.device}"
    text = f"{subject(row)} {name} was not measured: {row.status}: {row.reason}"
    unavailable = row.status == "unavailable"
    end(text, skip=row.status == "skipped" or (unavailable and settings.skip_unavailable))


def check_gate(name: str, cell: ComparedCell, comparison: Comparison) -> None:
    """Fail if a cell is worse than --qbench-fail-over or --qbench-fail-accuracy allows.

    Raises Undecided if the data can't tell. Warns of a cell that BASE has no times of: it passes.
    """
    from harness.report.gate_lines import describe

    for gate in cell.failed + cell.undecided:
        text = f"{name} against {comparison.against}: {describe(cell, gate, comparison)}"
        if gate in cell.failed:
            end(text, skip=False)
        raise Undecided(f"{text}; {'give more samples' if gate == 'accuracy' else 'measure longer'}")
    if cell.ratio is None:
        why = cell.reason or (cell.base and cell.base.reason) or "BASE does not have it"
        warnings.warn(
            pytest.PytestWarning(f"{name} was not compared with {comparison.against}: {why}"), stacklevel=1
        )


def end(text: str, *, skip: bool) -> NoReturn:
    """End a test without figures."""
    if skip:
        raise pytest.skip.Exception(text, _use_item_location=True)
    pytest.fail(text, pytrace=False)
