"""Compare the outputs of a run's cells: their fidelity, and warnings about it."""

from __future__ import annotations

from collections.abc import Iterator

from delegates.wire import Output
from harness.analysis import output_warnings
from harness.analysis.distance import ENOUGH_SAMPLES, is_far
from harness.analysis.fidelity import compare, count_nonfinite, decode, samples_of, unlike
from harness.analysis.names import name
from harness.analysis.reference import reference, same_on_cpu
from harness.record import Cell, CellRun, Fidelity, Run, Subject, Variant, Warning, subject


class Outputs:
    """The outputs of a run's cells, decoded once. `fidelity` holds their figures by cell id."""

    def __init__(self, run: Run) -> None:
        sent = [(entry.cell, decode(_outputs_of(entry))) for entry in run.cells]
        self._values = {cell.id: values for cell, values in sent}
        self._cells = [cell for cell, values in sent if values]
        self._most = {one: self._samples_for_all(one) for one in {subject(cell) for cell in self._cells}}
        references = {cell.id: reference(cell, self._cells) for cell, _ in sent}
        self._references = {key: cell for key, cell in references.items() if cell is not None}
        self.fidelity = {
            cell.id: self._compared(self._references[cell.id], cell)
            for cell, _ in sent
            if cell.id in self._references
        }

    def nonfinite(self, cell: Cell) -> int:
        """Return how many of the cell's output values are NaN or infinite."""
        return count_nonfinite(self._values[cell.id])

    def warnings(self, cell: Cell) -> Iterator[Warning]:
        """Yield the warnings about the outputs of a measured cell.

        If outputs differ from the CPU's with the same file, the delegate is blamed and not the variant,
        unless the variant is far from float32 on the CPU, too: then rounding alone can explain it.
        """
        figures = self.fidelity.get(cell.id)
        if figures is None:
            yield output_warnings.not_compared(self._why_not_compared(cell))
        else:
            yield from output_warnings.of_samples(figures.samples or 0, self._most.get(subject(cell), 0))
        of_delegate = list(self._of_delegate(cell))
        yield from of_delegate or output_warnings.of_variant(figures, finite=not self.nonfinite(cell))

    def _of_delegate(self, cell: Cell) -> Iterator[Warning]:
        same = same_on_cpu(cell, self._cells)
        if same is None or same.id == cell.id:
            return
        there = self.fidelity.get(same.id)
        if there is None or not is_far(there):
            yield from output_warnings.of_delegate(self._compared(same, cell))

    def _compared(self, against: Cell, cell: Cell) -> Fidelity | None:
        """Return the cell's fidelity to another cell; None if outputs are missing or unlike."""
        if not self._values[cell.id]:
            return None
        return compare(
            self._values[against.id],
            self._values[cell.id],
            named=str(name(against)),
            classifier=not _reproduces_input(against),
            labels=_labels(against),
            most=self._most.get(subject(cell), 0),
        )

    def _why_not_compared(self, cell: Cell) -> str:
        values, against = self._values[cell.id], self._references.get(cell.id)
        if not values:
            return "it sent none"
        if against is None:
            return "neither float32 nor this variant on cpu brought any to compare with"
        return unlike(self._values[against.id], values) or "no reason known"

    def _samples_for_all(self, wanted: Subject) -> int:
        """Return the number of samples on which all cells of a subject are compared.

        It is the smallest number that a cell had time for; cells with too few samples are not considered.
        """
        counts = [samples_of(self._values[cell.id]) for cell in self._cells if subject(cell) == wanted]
        enough = min(ENOUGH_SAMPLES, max(counts, default=0))
        return min((count for count in counts if count >= enough), default=0)


def _outputs_of(entry: CellRun) -> list[Output]:
    """Return the cell's outputs for the sample inputs; empty if no launch has any."""
    return next((launch.outputs for launch in entry.launches if launch.outputs), [])


def _reproduces_input(cell: Cell) -> bool:
    """Return whether the model is an autoencoder, whose largest output is not a class."""
    variant = cell.variant
    if not isinstance(variant, Variant):
        return False
    return [tensor.shape for tensor in variant.inputs] == [tensor.shape for tensor in variant.outputs]


def _labels(cell: Cell) -> set[int]:
    """Return the indices of outputs that hold labels, not quantities: unquantized integers (ARG_MAX)."""
    outputs = cell.variant.outputs if isinstance(cell.variant, Variant) else ()
    return {i for i, tensor in enumerate(outputs) if "int" in tensor.dtype and tensor.quantization is None}
