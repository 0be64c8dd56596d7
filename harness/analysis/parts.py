"""Figures that belong to a single run: fidelity, accuracy, and warnings about the machine and the outputs.

A run has one part, itself. A pooled run has one part per original run, because the state of a machine and
the samples of both differ from run to run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from harness.accelerators import ACCELERATORS
from harness.analysis import output_warnings, warnings
from harness.analysis.accuracy import Accuracies
from harness.analysis.baseline import baselines
from harness.analysis.names import Key, key, key_of_row
from harness.analysis.outputs import Outputs
from harness.record import Accuracy, Cell, CellRun, Document, Fidelity, Run, Variant, Warning
from harness.record.interface import interface


class Part(Protocol):
    """The fidelity, accuracy and warnings of cells in one run."""

    def fidelity(self, cell: Cell) -> Fidelity | None:
        """Return the cell's fidelity in this run; None if its outputs were not compared."""

    def accuracy(self, cell: Cell) -> Accuracy | None:
        """Return the cell's accuracy in this run; None if it was not measured."""

    def warnings(self, cell: Cell) -> Iterator[Warning]:
        """Yield the warnings that don't depend on the launches of other runs."""


def part(run: Run) -> Part:
    """Return the part of a run that is not pooled."""
    return _Derived(run) if run.exported is None else _Stored(run.exported)


class _Stored:
    """A run without events: fidelity and warnings are those of its stored rows."""

    def __init__(self, document: Document) -> None:
        self._rows = {key_of_row(row): row for row in document.cells}

    def fidelity(self, cell: Cell) -> Fidelity | None:
        row = self._rows.get(key(cell))
        return None if row is None else row.fidelity

    def accuracy(self, cell: Cell) -> Accuracy | None:
        row = self._rows.get(key(cell))
        return None if row is None else row.accuracy

    def warnings(self, cell: Cell) -> Iterator[Warning]:
        row = self._rows.get(key(cell))
        for warning in () if row is None else row.warnings:
            if warning.code not in warnings.OF_LAUNCHES:
                yield warning


class _Derived:
    """A run with events: fidelity and warnings are derived from them."""

    def __init__(self, run: Run) -> None:
        self._cells: Mapping[Key, CellRun] = {key(entry.cell): entry for entry in run.cells}
        self._devices = {device.name: device for device in run.devices}
        self._baselines = baselines(run)
        self._outputs = Outputs(run)
        self._accuracies = Accuracies(run)

    def fidelity(self, cell: Cell) -> Fidelity | None:
        entry = self._cells.get(key(cell))
        return None if entry is None else self._outputs.fidelity.get(entry.cell.id)

    def accuracy(self, cell: Cell) -> Accuracy | None:
        entry = self._cells.get(key(cell))
        return None if entry is None else self._accuracies.accuracy.get(entry.cell.id)

    def warnings(self, cell: Cell) -> Iterator[Warning]:
        entry = self._cells.get(key(cell))
        if entry is not None:
            yield from _of_variant(entry.cell, self._baselines.get(entry.cell.id))
            if entry.launches:
                yield from self._of_launches(entry)

    def _of_launches(self, entry: CellRun) -> Iterator[Warning]:
        cell, last = entry.cell, entry.launches[-1]
        nonfinite = self._outputs.nonfinite(cell)
        yield from output_warnings.of_nonfinite(nonfinite)
        device = self._devices.get(cell.device.name, cell.device)
        yield from warnings.of_machine(device.facts_before, device.facts_after)
        yield from warnings.of_threads(cell.threads, last.affinity)
        if (accelerator := ACCELERATORS.get(cell.delegate.name)) is not None:
            yield from accelerator.warnings(cell.artifact, last.delegate_facts, nonfinite > 0)
        yield from self._outputs.warnings(cell)
        yield from self._accuracies.warnings(entry)


def _of_variant(cell: Cell, baseline: Cell | None) -> Iterator[Warning]:
    variant = cell.variant
    if not isinstance(variant, Variant):
        return
    yield from variant.warnings
    other = None if baseline is None else baseline.variant
    if isinstance(other, Variant) and interface(variant) != interface(other):
        mine, theirs = (_shapes(each) for each in (variant, other))
        yield Warning(
            "interface-differs",
            f"takes {mine} where the baseline {other.name} takes {theirs}: these are different models, and "
            "their speedup and size ratio say nothing about quantization",
        )


def _shapes(variant: Variant) -> str:
    return " and ".join(str(list(shape)) for shape in sorted(tensor.shape for tensor in variant.inputs))
