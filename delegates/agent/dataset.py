"""Read the samples of an .npz one after the other, without ever holding all of them in memory."""

from __future__ import annotations

import zipfile
from typing import IO, Any, Dict, List, Sequence

from ..wire import TARGETS
from .samples import fit


class Dataset:
    """A file of samples that is read from its beginning, once.

    It holds arrays of shape (samples, *shape) in C order, as home writes them: one per input of the model,
    and one of targets per output, if any.
    """

    def __init__(self, path: str, inputs: Sequence[Dict[str, Any]]) -> None:
        """Open it. Arrays are matched to inputs as by `samples.read`. Raises ValueError."""
        self._details = inputs
        archive = zipfile.ZipFile(path)
        arrays = {name[: -len(".npy")]: name for name in archive.namelist()}
        targets = [name for name in arrays if name.startswith(TARGETS)]
        others = [name for name in arrays if name not in targets]
        names = [detail["name"] for detail in inputs]
        if not set(names) <= set(others):
            names = others
        if len(names) != len(inputs):
            raise ValueError("%d arrays of samples for a model with %d inputs" % (len(names), len(inputs)))
        self._inputs = [_Rows(archive.open(arrays[name])) for name in names]
        self._targets = [_Rows(archive.open(arrays[name])) for name in targets]

    def next_inputs(self) -> List[Any]:
        """Return the inputs of the next sample, in the model's order and shapes. Raises ValueError."""
        return [fit(rows.next(), detail) for rows, detail in zip(self._inputs, self._details)]

    def next_targets(self) -> List[Any]:
        """Return the targets of the next sample, one array per output."""
        return [rows.next() for rows in self._targets]


class _Rows:
    """An array in a file, read row by row."""

    def __init__(self, file: IO[bytes]) -> None:
        import numpy as np

        form: Any = np.lib.format
        read = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}[form.read_magic(file)]
        shape, _, self._dtype = read(file)
        self._file, self._shape = file, shape[1:]
        self._bytes = int(np.prod(self._shape, dtype=np.int64)) * self._dtype.itemsize

    def next(self) -> Any:
        """Return the next row. Raises ValueError at the end."""
        import numpy as np

        data = self._file.read(self._bytes)
        if len(data) != self._bytes:
            raise ValueError("the dataset has fewer samples than expected")
        return np.frombuffer(data, self._dtype).reshape(self._shape)
