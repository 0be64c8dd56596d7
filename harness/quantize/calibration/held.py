"""Samples in a program's memory: arrays, dicts of arrays, datasets, iterables."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError
from harness.quantize.calibration.samples import InputSpec

if TYPE_CHECKING:
    from harness.quantize.calibration.arrays import Arrays

_MOST_ITEMS = 4096  # read from an iterator: more than any use needs


class HeldData:
    """Data in the memory of this process, with a name for documents and messages.

    An iterator can be read once only, so its items are kept.
    """

    def __init__(self, value: object) -> None:
        """value: an array, a dict of arrays, a tf.data or Keras dataset, or an iterable of samples."""
        self.value = value
        self.name = _name(value)
        self._kept = _Kept(value) if isinstance(value, Iterator) else value

    def __eq__(self, other: object) -> bool:
        """Return True for the same object."""
        return isinstance(other, HeldData) and other.value is self.value

    def __hash__(self) -> int:
        """Return the hash of the object's identity."""
        return id(self.value)

    def read(self, inputs: Sequence[InputSpec], limit: int) -> tuple[Arrays, list[str]]:
        """Return about `limit` samples (whole batches; an array whole), under the model's input names.

        Labels, if there are any, are under `LABELS`.
        Raises ModelError if the data does not fit these inputs, or reading it raises.
        """
        from harness.quantize.calibration.arrays import first_line, match
        from harness.quantize.calibration.collecting import collect
        from harness.quantize.calibration.labels import LABELS, without_labels

        where = f"calibration {self.name}"
        if isinstance(self.value, Mapping):
            named, labels = without_labels(dict(_as_arrays(self.value)), inputs)
            return match(named, inputs, where) | ({} if labels is None else {LABELS: labels}), []
        try:
            arrays, labels = collect(self._kept, inputs, limit, where)
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(f"{where}: raised {type(error).__name__}: {first_line(error)}") from error
        found = {spec.name: array for spec, array in zip(inputs, arrays, strict=True)}
        return found | ({} if labels is None else {LABELS: labels}), []


def as_source(data: object) -> str | HeldData | None:
    """Return a source as text, or the data itself in a HeldData; None stays None.

    A path counts as text. Call this once for data that is needed several times: an iterator can be read once.
    """
    if data is None or isinstance(data, (str, HeldData)):
        return data
    return str(data) if hasattr(data, "__fspath__") else HeldData(data)


class _Kept(Iterable[Any]):
    """An iterator that can be read again from its beginning."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._rest, self._taken = itertools.islice(items, _MOST_ITEMS), list[Any]()

    def __iter__(self) -> Iterator[Any]:
        yield from self._taken
        for item in self._rest:
            self._taken.append(item)
            yield item


def _as_arrays(value: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    import numpy as np

    return ((str(name), np.asarray(array)) for name, array in value.items())


def _name(value: object) -> str:
    """Return a description: `array float32 (100, 8, 8, 1)`, `dict of image, mask`, `BatchDataset`."""
    if isinstance(value, Mapping):
        return f"dict of {', '.join(map(str, value))}"
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"array {getattr(value.dtype, 'name', value.dtype)} {tuple(value.shape)}"
    return type(value).__name__.lstrip("_")
