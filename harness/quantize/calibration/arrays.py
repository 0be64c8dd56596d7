"""Read arrays from files, fit them to the model's inputs, check and store them."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from harness.cache import keep
from harness.errors import ModelError
from harness.quantize.calibration.headers import arrays_in
from harness.quantize.calibration.labels import LABELS, without_labels
from harness.quantize.calibration.samples import InputSpec, short_name

Arrays = dict[str, npt.NDArray[Any]]
Item = TypeVar("Item")

_write_array: Any = np.lib.format.write_array  # numpy 1 has no types for it


def read(source: str, inputs: Sequence[InputSpec], limit: int) -> tuple[Arrays, list[str]]:
    """Read the first `limit` samples of an .npy or .npz file, under the model's input names; with notes.

    Labels, if there are any, are under `LABELS`.
    Shapes and types are checked by the headers; other samples are not read.
    """
    where = f"calibration {source}"
    every, labels = without_labels(arrays_in(Path(source).expanduser(), where), inputs)
    stored = match(every, inputs, where)
    for spec in inputs:
        check_shape(stored[spec.name].shape, spec, where)
        check_dtype(stored[spec.name].dtype, spec, where)
    count = same_count({spec.name: samples_in(stored[spec.name].shape, spec) for spec in inputs}, where)
    notes = [f"the first {limit} of {count} samples"] if count > limit else []
    arrays = {}
    for spec in inputs:
        found = stored[spec.name]
        is_one_sample = found.shape == tuple(spec.shape[1:])
        arrays[spec.name] = found.all() if is_one_sample else found.first(limit)
    if labels is not None:
        arrays[LABELS] = labels.first(limit) if labels.shape else labels.all()
    return arrays, notes


def load(path: Path) -> Arrays:
    """Load all arrays in an .npy (under the name "") or an .npz. Raises ModelError."""
    stored = arrays_in(path, f"calibration {path}")
    return {name: array.all() for name, array in stored.items()}


def match(arrays: Mapping[str, Item], inputs: Sequence[InputSpec], where: str) -> dict[str, Item]:
    """Return the arrays under the model's input names; for one input, the only array may have any name.

    `serving_default_x:0`, as converters name the inputs of a signature, and `x` are the same name.
    """
    if not arrays:
        raise ModelError(f"{where}: holds no array")
    if len(inputs) == 1 and len(arrays) == 1:
        return {inputs[0].name: next(iter(arrays.values()))}
    short = {short_name(name): name for name in arrays}
    found: dict[str, Item] = {}
    used = set()
    for spec in inputs:
        name = spec.name if spec.name in arrays else short.get(short_name(spec.name))
        if name is None or name in used:
            raise ModelError(f'{where}: no array for input "{spec.name}"; found: {_names(arrays)}')
        found[spec.name] = arrays[name]
        used.add(name)
    extra = [name for name in arrays if name not in used]
    if extra:
        wanted = ", ".join(spec.name for spec in inputs)
        raise ModelError(f"{where}: the model has no input for {_names(extra)}; its inputs: {wanted}")
    return found


def _names(names: Any) -> str:
    return ", ".join(name or "one array without a name" for name in names)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, else its type."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def check_shape(shape: tuple[int, ...], spec: InputSpec, where: str) -> None:
    """Raise ModelError unless it is (samples, *input shape without batch).

    Also accepted: one sample without the first dimension, and samples that each have a batch of 1. The number
    of dimensions tells them apart.
    """
    wanted = tuple(spec.shape[1:])
    if shape == wanted or (len(shape) == len(wanted) + 1 and shape[1:] == wanted):
        return
    if len(shape) != len(wanted) + 2 or shape[1] != 1 or shape[2:] != wanted:
        dims = "".join(f", {n}" for n in wanted)
        raise ModelError(f'{where}: input "{spec.name}" wants shape (samples{dims}), found {shape}')


def samples_in(shape: tuple[int, ...], spec: InputSpec) -> int:
    """Return the number of samples in an array of a shape that fits."""
    return 1 if shape == tuple(spec.shape[1:]) else shape[0]


def fit(array: npt.NDArray[Any], spec: InputSpec, where: str) -> npt.NDArray[Any]:
    """Return the array as (samples, *input shape without batch). Raises ModelError."""
    check_shape(array.shape, spec, where)
    return array.reshape(samples_in(array.shape, spec), *spec.shape[1:])


def same_count(counts: Mapping[str, int], where: str) -> int:
    """Return the number of samples that all inputs have. Raises ModelError if they differ or are 0."""
    if len(set(counts.values())) > 1:
        each = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ModelError(f"{where}: the inputs have different numbers of samples: {each}")
    count = next(iter(counts.values()))
    if count == 0:
        raise ModelError(f"{where}: it has no samples")
    return count


def finish(
    arrays: Mapping[str, npt.NDArray[Any]], inputs: Sequence[InputSpec], where: str, limit: int
) -> tuple[Arrays, list[str]]:
    """Return at most `limit` samples of every input in its shape and type, and notes. Raises ModelError."""
    fitted = {spec.name: fit(arrays[spec.name], spec, where) for spec in inputs}
    count = same_count({name: len(array) for name, array in fitted.items()}, where)
    notes = [f"the first {limit} of {count} samples"] if count > limit else []
    done: Arrays = {}
    for spec in inputs:
        done[spec.name], note = _convert(fitted[spec.name][:limit], spec, where)
        notes += [note] if note else []
    return done, notes


def sample_dtype(spec: InputSpec, where: str) -> str:
    """Return float32 for real values, the input's own type for whole numbers and booleans."""
    if "float" in spec.dtype or spec.quantization is not None:
        return "float32"
    if re.fullmatch(r"u?int(8|16|32|64)|bool", spec.dtype):
        return spec.dtype
    raise ModelError(f'{where}: input "{spec.name}" is of type {spec.dtype}; calibration has numbers only')


def check_dtype(dtype: np.dtype[Any], spec: InputSpec, where: str) -> None:
    """Raise ModelError if values of this type cannot be samples of the input."""
    wanted = np.dtype(sample_dtype(spec, where))
    kinds = {"f": "fiub", "b": "b"}.get(wanted.kind, "iub")
    if dtype.kind not in kinds:
        raise ModelError(f'{where}: input "{spec.name}" wants {wanted}, found {dtype}')


def _convert(array: npt.NDArray[Any], spec: InputSpec, where: str) -> tuple[npt.NDArray[Any], str | None]:
    check_dtype(array.dtype, spec, where)
    wanted = np.dtype(sample_dtype(spec, where))
    where = f'{where}: input "{spec.name}"'
    with np.errstate(over="ignore"):  # infinite values are detected below
        converted = array.astype(wanted, copy=False)
    if wanted.kind == "f":
        _refuse(~np.isfinite(converted), f"{where}: {{}} NaN or infinite", "value")
        return converted, f"{spec.name} cast from {array.dtype}" if array.dtype.kind != "f" else None
    _refuse(converted != array, f"{where}: {{}} outside the range of {wanted}", "value")
    return converted, None


def _refuse(wrong: npt.NDArray[np.bool_], message: str, word: str) -> None:
    count = int(np.count_nonzero(wrong))
    if count:
        first = int(np.argmax(wrong.reshape(len(wrong), -1).any(axis=1)))
        amount = f"1 {word} is" if count == 1 else f"{count} {word}s are"
        raise ModelError(f"{message.format(amount)}, first in sample {first} (counted from 0)")


def store(arrays: Mapping[str, npt.NDArray[Any]], cache: Path) -> tuple[str, Path]:
    """Keep arrays in `cache`: (SHA-256 of names, types, shapes and values; the .npz of that name).

    Raises ModelError if the cache cannot be written.
    """
    sha256 = digest_of(arrays)
    return sha256, keep(cache / f"{sha256}.npz", _npz(arrays))


def digest_of(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return the SHA-256 of the arrays' names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _npz(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return the arrays as an .npz: the same bytes for the same arrays."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(name + ".npy")  # np.savez would write the time here
            with archive.open(member, "w", force_zip64=True) as stream:
                _write_array(stream, array, allow_pickle=False)
    return file.getvalue()
