"""Choose the metric that fits labels and outputs, and check that they belong together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from delegates.wire import CLASSES, MEAN_ABSOLUTE, MEAN_SQUARED, OUTPUTS
from harness.config.sources import is_callable
from harness.errors import ModelError
from harness.record import Tensor

TOP_1, TOP_5 = "top1", "top5"

Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class Chosen:
    """A metric, what is kept of outputs for it, and the labels in the form that it needs.

    labels: numbers of classes (samples,), targets (samples, values of the output), or as they were given.
    """

    metric: str
    keep: str
    labels: Labels


def choose(metric: str | None, labels: Labels, outputs: Sequence[Tensor], where: str) -> Chosen:
    """Return the metric asked for, or the one that fits: top-1 for classes, else the mean squared error.

    Raises ModelError if labels and outputs don't belong together.
    """
    if metric is not None and is_callable(metric):
        return Chosen(metric, OUTPUTS, labels)
    if len(outputs) != 1:
        raise ModelError(
            f"{where}: the model has {len(outputs)} outputs; --metric package.module:callable can score them"
        )
    count = _classes(outputs[0])
    found = None if metric in (MEAN_SQUARED, MEAN_ABSOLUTE) or count is None else _numbers(labels, count)
    if found is not None and count is not None:
        _check_range(found, count, where)
        return Chosen(metric or TOP_1, CLASSES, found)
    if metric in (TOP_1, TOP_5):
        raise ModelError(
            f"{where}: labels of shape {labels.shape} and outputs {outputs[0].shape}: no classes"
        )
    return Chosen(metric or MEAN_SQUARED, metric or MEAN_SQUARED, _targets(labels, outputs[0], where))


def _classes(output: Tensor) -> int | None:
    """Return how many classes an output tells apart; None if it can't be one.

    An integer that is not quantized is the class itself, a single value the probability of the second of two.
    """
    values = math.prod(output.shape[1:])
    if values == 1:
        whole = "int" in output.dtype and output.quantization is None
        return 1 << 24 if whole else 2
    return values if output.shape and values == output.shape[-1] else None


def _numbers(labels: Labels, classes: int) -> Labels | None:
    """Return labels as numbers of classes; None if they are something else."""
    if labels.ndim == 2 and labels.shape[1] == classes and _is_one_hot(labels):
        numbers: Labels = labels.argmax(axis=1)
        return numbers
    flat = labels.reshape(-1)
    if len(flat) != len(labels) or labels.dtype.kind not in "biuf":
        return None
    whole = labels.dtype.kind in "biu" or (classes > 2 and bool(np.all(flat == np.rint(flat))))
    return flat.astype(np.int64) if whole or set(np.unique(flat)) <= {0, 1} else None


def _is_one_hot(labels: Labels) -> bool:
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())


def _check_range(numbers: Labels, classes: int, where: str) -> None:
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= classes:
        raise ModelError(
            f"{where}: labels from {low} to {high}, but the model's output tells {classes} classes apart,"
            " numbered from 0"
        )


def _targets(labels: Labels, output: Tensor, where: str) -> Labels:
    wanted = math.prod(output.shape[1:])
    if labels.dtype.kind not in "biuf" or labels.size != len(labels) * wanted:
        raise ModelError(
            f"{where}: labels of shape {labels.shape} are neither classes nor targets of the output"
            f" {output.shape}; --metric package.module:callable can take them"
        )
    return labels.reshape(len(labels), wanted).astype(np.float32)
