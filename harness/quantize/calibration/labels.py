"""Find the labels in what a source of samples gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError
from harness.quantize.calibration.samples import InputSpec, short_name

LABELS = "\0labels"  # the labels' key beside those of the inputs
NAMES = ("labels", "label", "y", "targets", "target")  # of arrays that hold labels

Item = TypeVar("Item")
Named = npt.NDArray[Any]


def without_labels(
    arrays: Mapping[str, Item], inputs: Sequence[InputSpec]
) -> tuple[dict[str, Item], Item | None]:
    """Return the arrays but the one that holds labels, and that one; None if there is none.

    An array with the name of an input holds no labels, nor does the only one.
    """
    taken = {short_name(spec.name) for spec in inputs} | {spec.name for spec in inputs}
    found = next((name for name in arrays if name.lower() in NAMES and name not in taken), None)
    if found is None or len(arrays) == 1:
        return dict(arrays), None
    return {name: array for name, array in arrays.items() if name != found}, arrays[found]


def matching(label: Any, count: int, where: str) -> Named:
    """Return the labels of `count` samples; of a single sample they may lack the first dimension.

    Raises ModelError if there are not as many.
    """
    labels = np.asarray(label)
    if count == 1 and labels.shape[:1] != (1,):
        labels = labels[np.newaxis]
    if labels.shape[:1] != (count,):
        raise ModelError(f"{where}: {count} samples, but labels of shape {labels.shape}")
    return labels
