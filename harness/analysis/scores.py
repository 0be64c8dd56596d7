"""What each sample of a cell's evaluation is worth: right or wrong, its error, or a user's score."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from delegates.wire import CLASSES, MEAN_ABSOLUTE, MEAN_SQUARED, Evaluated, Output
from harness.record import CellRun, Run, Variant
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
    metrics = {model.name: model.evaluation.metric for model in run.models if model.evaluation is not None}
    labels = {model: labels_of(run, model) for model in run.labels}
    found = {}
    for entry in (*run.cells, *run.references):
        metric = metrics.get(entry.cell.model)
        one = None if metric is None else _scores(entry, metric, labels.get(entry.cell.model))
        if one is not None and len(one.values):
            found[entry.cell.id] = one
    return found


def labels_of(run: Run, model: str) -> Array:
    """Return the classes of the samples that a model is evaluated on; empty if it has none."""
    output = run.labels.get(model)
    return np.empty(0) if output is None else _array(output).reshape(-1)


def _scores(entry: CellRun, metric: str, labels: Array | None) -> Scores | None:
    keep, kept = _joined([part for part in entry.evaluated if part.keep in _KEPT])
    if kept is None or (keep == CLASSES and labels is None):
        return None
    if keep != CLASSES or labels is None:
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


def _joined(parts: list[Evaluated]) -> tuple[str, Array | None]:
    """Return what was kept of the samples from the first one up to the first that is missing."""
    kept: list[Array] = []
    end = 0
    for part in sorted(parts, key=lambda part: part.first):
        values = _array(part.outputs[0])
        values = values.reshape(len(values), math.prod(values.shape[1:]))
        if part.first <= end < part.first + len(values):
            kept.append(values[end - part.first :])
            end = part.first + len(values)
    return parts[0].keep if parts else "", np.concatenate(kept) if kept else None


def _array(output: Output) -> Array:
    return np.frombuffer(base64.b64decode(output.data), "<f4").reshape(output.shape)
