"""Collect arrays from Python objects: arrays, dicts, datasets, generators, Keras sequences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError
from harness.quantize.calibration.arrays import fit, match
from harness.quantize.calibration.labels import matching, without_labels
from harness.quantize.calibration.samples import InputSpec


def collect(
    value: Any, inputs: Sequence[InputSpec], limit: int, where: str
) -> tuple[list[npt.NDArray[Any]], npt.NDArray[Any] | None]:
    """Return one array (samples, *shape) per input, from whole items until there are `limit` samples.

    The second value holds the labels of as many samples; None unless all items have some.
    Raises ModelError, beginning with `where`, if the value does not fit these inputs.
    """
    parts: list[list[npt.NDArray[Any]]] = []
    labels: list[npt.NDArray[Any]] = []
    total = 0
    for item in items(value() if callable(value) and not hasattr(value, "__iter__") else value, where):
        given, label = split(item, inputs, where)
        arrays = [fit(array, spec, where) for array, spec in zip(given, inputs, strict=True)]
        if len({len(array) for array in arrays}) > 1:
            counts = [len(array) for array in arrays]
            raise ModelError(f"{where}: its inputs have different numbers of samples: {counts}")
        parts.append(arrays)
        labels += [] if label is None else [matching(label, len(arrays[0]), where)]
        total += len(arrays[0])
        if total >= limit:
            break
    if not parts:
        raise ModelError(f"{where}: it has no samples")
    joined = parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts, strict=True)]
    return joined, np.concatenate(labels) if len(labels) == len(parts) else None


def items(value: Any, where: str) -> Iterator[Any]:
    """Return samples or batches: a list, generator or dataset has many, an array, dict or tuple is one."""
    if isinstance(value, Mapping | tuple) or hasattr(value, "__array__"):
        yield value
    elif hasattr(value, "__getitem__") and hasattr(value, "__len__"):  # also a Keras PyDataset
        yield from (value[i] for i in range(len(value)))
    elif isinstance(value, Iterable):
        yield from value
    else:
        found = type(value).__name__
        raise ModelError(f"{where}: expected an array, a dict of arrays or an iterable, found {found}")


def split(item: Any, inputs: Sequence[InputSpec], where: str) -> tuple[list[npt.NDArray[Any]], Any]:
    """Return one array per input from an array, a dict, a list of one array per input, or (x, y); and labels.

    The labels are None if the item has none.
    """
    if isinstance(item, Mapping):
        named, label = without_labels({str(name): array for name, array in item.items()}, inputs)
        arrays = {name: np.asarray(array) for name, array in named.items()}
        return list(match(arrays, inputs, where).values()), label
    if isinstance(item, tuple | list) and not _is_numbers(item):
        if isinstance(item[0], Mapping | tuple | list) or (len(item) in (2, 3) and len(inputs) == 1):
            arrays_of, _ = split(item[0], inputs, where)  # (x, y) or (x, y, weights)
            return arrays_of, item[1] if len(item) > 1 else None
        if len(item) == len(inputs):
            return [np.asarray(array) for array in item], None
        raise ModelError(f"{where}: a sample has {len(item)} arrays, the model has {len(inputs)} inputs")
    if len(inputs) != 1:
        raise ModelError(f"{where}: a sample is one array, the model has {len(inputs)} inputs")
    return [np.asarray(item)], None


def _is_numbers(item: Sequence[Any]) -> bool:
    """Return True for an empty list and for (nested) plain numbers, which are one array."""
    while isinstance(item, tuple | list) and item:
        item = item[0]
    return not hasattr(item, "shape") and not isinstance(item, Mapping)
