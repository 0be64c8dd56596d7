"""Evaluate samples of a dataset, and keep of their outputs what the accuracy is derived from."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Any, List

from ..backends.interpreter import Interpreter
from ..wire import CLASSES, MEAN_ABSOLUTE, OUTPUTS
from .dataset import Dataset
from .messages import Evaluate, Part
from .samples import pack

TOP = 5  # classes that are kept of a sample
_PART_VALUES = 1 << 18  # of all outputs of a part


def evaluate(interpreter: Interpreter, dataset: Dataset, keep: str, task: Evaluate) -> Part:
    """Evaluate the next samples: at most as many as asked for, at least one. Raises ValueError."""
    end = perf_counter_ns() + task.limit_ns
    kept: List[List[Any]] = []
    values = 0
    while len(kept) < task.samples and not (kept and (perf_counter_ns() >= end or values >= _PART_VALUES)):
        interpreter.set_inputs(dataset.next_inputs())
        interpreter.invoke()
        found = _kept(interpreter.outputs(), dataset, keep)
        kept.append(found)
        values += sum(array.size for array in found)
    names = interpreter.output_names() if keep == OUTPUTS else [keep]
    outputs = [pack(name, arrays, arrays[0].size) for name, arrays in zip(names, zip(*kept))]
    return Part(len(kept), outputs)


def _kept(outputs: List[Any], dataset: Dataset, keep: str) -> List[Any]:
    """Return what is kept of a sample: arrays whose shapes are the same for all samples."""
    if keep == OUTPUTS:
        return outputs
    if keep == CLASSES:
        return [largest(outputs[0])]
    return [error(outputs, dataset.next_targets(), keep)]


def largest(output: Any) -> Any:
    """Return the indices of the largest values of an output, the largest first; of equal ones the lowest.

    A batch larger than one repeats the sample: its first row counts. A single value is returned as it is: a
    label, or the probability of the second of two classes. -1 where a value is NaN or infinite.
    """
    import numpy as np

    row = output.reshape(-1, output.shape[-1])[0] if output.ndim else output.reshape(1)
    if row.size == 1 or not np.isfinite(row).all():
        return row if np.isfinite(row).all() else np.full(min(TOP, row.size), -1.0)
    return np.argsort(-row, kind="stable")[:TOP]


def error(outputs: List[Any], targets: List[Any], keep: str) -> Any:
    """Return the mean error over all values of a sample; NaN if an output is NaN or infinite."""
    import numpy as np

    off = np.concatenate(
        [
            np.asarray(output, np.float64).reshape(-1)[: target.size]
            - np.asarray(target, np.float64).reshape(-1)
            for output, target in zip(outputs, targets)
        ]
    )
    if not np.isfinite(off).all():
        return np.array([np.nan])
    return np.array([np.mean(np.abs(off) if keep == MEAN_ABSOLUTE else off**2)])
