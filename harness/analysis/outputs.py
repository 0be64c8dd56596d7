"""The outputs of one run's cells beside each other: fidelity, and the warnings that follow from it."""

from __future__ import annotations

from collections.abc import Iterator

from delegates.wire import Output
from harness.analysis import output_warnings
from harness.analysis.distance import ENOUGH_SAMPLES, is_far
from harness.analysis.fidelity import compare, count_nonfinite, decode, samples_of, unlike
from harness.analysis.names import name
from harness.analysis.reference import reference, same_on_cpu
from harness.record import Cell, CellRun, Fidelity, Run, Variant, Warning


class Outputs:
    """What the cells of a run sent, decoded once. `fidelity` holds each cell's figures by its id."""

    def __init__(self, run: Run) -> None:
        sent = [(entry.cell, decode(_outputs_of(entry))) for entry in run.cells]
        self._values = {cell.id: values for cell, values in sent}
        self._cells = [cell for cell, values in sent if values]
        self._most = {model.name: self._samples_for_all(model.name) for model in run.models}
        references = {cell.id: reference(cell, self._cells) for cell, _ in sent}
        self._references = {key: cell for key, cell in references.items() if cell is not None}
        self.fidelity = {
            cell.id: self._compared(self._references[cell.id], cell)
            for cell, _ in sent
            if cell.id in self._references
        }

    def nonfinite(self, cell: Cell) -> int:
        """How many of the cell's output values are NaN or infinite."""
        return count_nonfinite(self._values[cell.id])

    def warnings(self, cell: Cell) -> Iterator[Warning]:
        """What is to be said of the outputs of a measured cell.

        A delegate that differs from the CPU with the same file is that, and no worse variant. Unless the
        variant is worthless on the CPU already: in noise, rounding alone makes all the difference.
        """
        figures = self.fidelity.get(cell.id)
        if figures is None:
            yield output_warnings.not_compared(self._why_not_compared(cell))
        else:
            yield from output_warnings.of_samples(figures.samples or 0, self._most.get(cell.model, 0))
        blamed = list(self._of_delegate(cell))
        yield from blamed or output_warnings.of_variant(figures, finite=not self.nonfinite(cell))

    def _of_delegate(self, cell: Cell) -> Iterator[Warning]:
        same = same_on_cpu(cell, self._cells)
        if same is None or same.id == cell.id:
            return
        there = self.fidelity.get(same.id)
        if there is None or not is_far(there):
            yield from output_warnings.of_delegate(self._compared(same, cell))

    def _compared(self, against: Cell, cell: Cell) -> Fidelity | None:
        """The cell's outputs beside another's; None where it sent none, or they don't fit together."""
        if not self._values[cell.id]:
            return None
        return compare(
            self._values[against.id],
            self._values[cell.id],
            named=str(name(against)),
            classifier=not _reproduces_input(against),
            labels=_labels(against),
            most=self._most.get(cell.model, 0),
        )

    def _why_not_compared(self, cell: Cell) -> str:
        values, against = self._values[cell.id], self._references.get(cell.id)
        if not values:
            return "it sent none"
        if against is None:
            return "neither float32 nor this variant on cpu brought any to compare with"
        return unlike(self._values[against.id], values) or "no reason known"

    def _samples_for_all(self, model: str) -> int:
        """The number of samples that all cells of a model had time for: their figures are of the same ones.

        Cells with too few to say much don't count: they would make all others say as little.
        """
        counts = [samples_of(self._values[cell.id]) for cell in self._cells if cell.model == model]
        enough = min(ENOUGH_SAMPLES, max(counts, default=0))
        return min((count for count in counts if count >= enough), default=0)


def _outputs_of(entry: CellRun) -> list[Output]:
    """The cell's outputs for the sample inputs; empty where no launch brought any."""
    return next((launch.outputs for launch in entry.launches if launch.outputs), [])


def _reproduces_input(cell: Cell) -> bool:
    """Whether it is an autoencoder: its largest output is not a class."""
    variant = cell.variant
    if not isinstance(variant, Variant):
        return False
    return [tensor.shape for tensor in variant.inputs] == [tensor.shape for tensor in variant.outputs]


def _labels(cell: Cell) -> set[int]:
    """Places of outputs that are whole numbers by their type, as of ARG_MAX: a class, and no quantity."""
    outputs = cell.variant.outputs if isinstance(cell.variant, Variant) else ()
    return {i for i, tensor in enumerate(outputs) if "int" in tensor.dtype and tensor.quantization is None}
