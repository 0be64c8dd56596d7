"""What each sample of a cell's evaluation is worth: right or wrong, its error, or a user's score."""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from delegates.wire import CLASSES, MEAN_ABSOLUTE, MEAN_SQUARED, Evaluated, Output
from harness.record import Cell, CellRun, Evaluation, Run, Variant
from harness.record.variant import SCORES

_KEPT = (CLASSES, MEAN_SQUARED, MEAN_ABSOLUTE, SCORES)
_TOP_5 = 5

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Scores:
    """The samples that a cell was evaluated on, from the first one.

    values: float64, one per sample; NaN where the outputs are not finite and that can't count as wrong.
    shares: whether they are right (1) or wrong (0). not_finite: samples whose outputs are NaN or infinite.
    guesses: the classes that were found; None for other metrics.
    """

    metric: str
    values: Array
    shares: bool
    not_finite: int
    guesses: Array | None = None

    @property
    def is_error(self) -> bool:
        """Whether a larger value is worse."""
        return self.metric in (MEAN_SQUARED, MEAN_ABSOLUTE)


def scores(run: Run) -> dict[str, Scores]:
    """Return the scores of every cell and reference of a run that was evaluated, by the cell's id."""
    found = {}
    for entry in (*run.cells, *run.references):
        asked = evaluation_of(entry.cell)
        one = None if asked is None else _scores(entry, asked.metric, labels_of(run, asked))
        if one is not None and len(one.values):
            found[entry.cell.id] = one
    return found


def evaluation_of(cell: Cell) -> Evaluation | None:
    """Return what a cell was to be evaluated on; None: there are no labels."""
    return cell.variant.evaluation if isinstance(cell.variant, Variant) else None


def labels_of(run: Run, asked: Evaluation) -> Array:
    """Return the classes of the samples of an evaluation; empty if it has none."""
    output = run.labels.get(asked.sha256 or "")
    return np.empty(0) if output is None else _array(output).reshape(-1)


def _scores(entry: CellRun, metric: str, labels: Array) -> Scores | None:
    found = joined(entry.evaluated, _KEPT)
    keep = next((part.keep for part in entry.evaluated if part.keep in _KEPT), "")
    if not found or (keep == CLASSES and not len(labels)):
        return None
    kept = found[0].reshape(len(found[0]), -1)
    if keep != CLASSES:
        values = kept[:, 0].astype(np.float64)
        return Scores(metric, values, False, int(np.count_nonzero(~np.isfinite(values))))
    guesses, truth = _classes(entry, kept[: len(labels)]), labels[: len(kept), np.newaxis]
    right = (guesses[:, : _TOP_5 if metric == "top5" else 1] == truth).any(axis=1)
    return Scores(metric, right.astype(np.float64), True, int(np.sum(guesses[:, 0] < 0)), guesses[:, 0])


def _classes(entry: CellRun, kept: Array) -> Array:
    """Return the classes that were found. A single value is the probability of the second, or a label."""
    variant = entry.cell.variant
    if kept.shape[1] > 1 or not isinstance(variant, Variant) or not variant.outputs:
        return kept
    output = variant.outputs[0]
    if "int" in output.dtype and output.quantization is None:
        return kept
    return np.where(kept < 0, kept, (kept > 0.5).astype(kept.dtype))


def joined(parts: Sequence[Evaluated], keep: Collection[str]) -> list[Array]:
    """Return each kept array for the samples from the first one up to the first that is missing.

    keep: what it may be of; the first part with one of these decides. What does not fit it is left out.
    """
    wanted = [part for part in parts if part.keep in keep and part.outputs and _is_whole(part)]
    columns: list[list[Array]] = []
    end = 0
    for part in sorted(wanted, key=lambda part: part.first):
        arrays = [_array(output) for output in part.outputs]
        fits = part.keep == wanted[0].keep and _shapes(arrays) == _shapes(columns[0] if columns else arrays)
        if fits and part.first <= end < part.first + len(arrays[0]):
            columns.append([array[end - part.first :] for array in arrays])
            end = part.first + len(arrays[0])
    return [np.concatenate(column) for column in zip(*columns, strict=True)]


def _is_whole(part: Evaluated) -> bool:
    """Return whether all arrays have values of the same number of samples."""
    shapes = [output.shape for output in part.outputs]
    return len({tuple(shape[:1]) for shape in shapes}) == 1 and all(map(math.prod, shapes)) and all(shapes)


def _shapes(arrays: Sequence[Array]) -> list[tuple[int, ...]]:
    return [array.shape[1:] for array in arrays]


def _array(output: Output) -> Array:
    return np.frombuffer(base64.b64decode(output.data), "<f4").reshape(output.shape)
