"""Write sample inputs for the variants of a model: the same real values, under each variant's input names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ModelError
from harness.quantize.calibration import (
    GENERATED,
    HeldData,
    InputSpec,
    Samples,
    generate,
    load_calibration,
    load_split,
    short_name,
    subsampled,
)
from harness.record import FidelitySamples, Tensor

if TYPE_CHECKING:
    from harness.quantize.calibration.arrays import Arrays

COUNT = 16  # the most samples per model

Inputs = Mapping[str, tuple[Tensor, ...]]  # variant name -> the inputs of its file


def of_dataset(asked: str | HeldData, specs: Sequence[InputSpec], cache: Path) -> Samples:
    """Return at most 16 samples of a dataset, as --dataset takes it, evenly spread.

    Random samples have another seed than those for calibration. Raises ModelError.
    """
    folder = cache / "calibration"
    try:
        found = load_calibration(asked, specs, folder)
        other = load_split(asked, specs, folder, COUNT)[1] if found.generated else None
        return other or subsampled(found, folder, COUNT)
    except ModelError as error:
        raise ModelError(re.sub(r"^calibration\b", "dataset", str(error))) from None


def count_shared(compared: Path, calibrated: Path) -> int:
    """Return the number of samples of one .npz that are in another, too, whatever the arrays are called."""
    from harness.quantize.calibration.arrays import load

    known = set(digests(load(calibrated)))
    return sum(digest in known for digest in digests(load(compared)))


def digests(arrays: Arrays) -> list[bytes]:
    """Return the SHA-256 of every sample, over all inputs."""
    inputs = [array for _, array in sorted(arrays.items())]
    return [
        hashlib.sha256(b"".join(part.tobytes() for part in parts)).digest()
        for parts in zip(*inputs, strict=True)
    ]


def write(data: Path, inputs: Inputs, cache: Path) -> dict[str, Path]:
    """Write the first 16 samples of `data` for every variant: variant name -> .npz by its input names.

    Arrays are found by name ("serving_default_x:0" in a file is "x" in a signature), else by position.
    Variants with the same names share one file. Raises ModelError.
    """
    from harness.quantize.calibration.arrays import load, store

    arrays = {name: array[:COUNT] for name, array in load(data).items()}
    written = {}
    for variant, tensors in inputs.items():
        written[variant] = store(named_for(arrays, tensors), cache / "samples")[1]
    return written


def named_for(arrays: Arrays, tensors: Sequence[Tensor]) -> Arrays:
    """Return the arrays under the names of a file's inputs; they are found by name, else by position."""
    return {name: arrays[key] for name, key in zip(_unique(tensors), _keys(arrays, tensors), strict=True)}


def of_ready_files(
    inputs: Inputs, calibration: str | HeldData | None, dataset: str | HeldData | None, cache: Path
) -> tuple[dict[str, Path], FidelitySamples | None]:
    """Write sample inputs for ready .tflite files, whose inputs may have different shapes.

    Files whose inputs have the same shapes get the same values: from `dataset` or `calibration`, else random
    ones in the range that a quantized input can represent, or none for text. Raises ModelError if the data
    does not fit.
    """
    written: dict[str, Path] = {}
    samples = None
    for group in _alike(inputs):
        # Quantized inputs tell the range of values that the model was made for.
        chosen = max(group.values(), key=lambda tensors: any(t.quantization for t in tensors))
        data = _data(specs_of(chosen), calibration, dataset, cache)
        if data is not None:
            written |= write(data.path, group, cache)
            count = min(COUNT, data.samples)
            samples = FidelitySamples(data.source, count, "random" if data.generated else "dataset")
    return written, samples


def no_random_data(specs: Sequence[InputSpec]) -> str | None:
    """Return why there is no random data for such inputs (text, for example); None if there is."""
    from harness.quantize.calibration.arrays import sample_dtype

    try:
        for spec in specs:
            sample_dtype(spec, "calibration generate")
    except ModelError as error:
        return str(error)
    return None


def specs_of(tensors: Sequence[Tensor]) -> list[InputSpec]:
    """Return the inputs of a file under their short names."""
    return [
        InputSpec(short_name(name), tensor.dtype, tensor.shape, tensor.quantization)
        for name, tensor in zip(_unique(tensors), tensors, strict=True)
    ]


def _keys(names: Mapping[str, object], tensors: Sequence[Tensor]) -> list[str]:
    short = [short_name(tensor.name) for tensor in tensors]
    return short if set(short) == set(names) else list(names)


def _unique(tensors: Sequence[Tensor]) -> list[str]:
    """Return the inputs' names; if several inputs share one, their positions."""
    names = [tensor.name for tensor in tensors]
    return names if len(set(names)) == len(names) else [str(index) for index in range(len(names))]


def _alike(inputs: Inputs) -> list[Inputs]:
    """Group variants by the shapes of their inputs; real values are one kind, quantized or not."""
    groups: dict[object, dict[str, tuple[Tensor, ...]]] = {}
    for variant, tensors in inputs.items():
        kind = tuple((t.shape, "real" if t.quantization or "float" in t.dtype else t.dtype) for t in tensors)
        groups.setdefault(kind, {})[variant] = tensors
    return list(groups.values())


def _data(
    specs: Sequence[InputSpec],
    calibration: str | HeldData | None,
    dataset: str | HeldData | None,
    cache: Path,
) -> Samples | None:
    if dataset is not None:
        return of_dataset(dataset, specs, cache)
    if calibration is not None:
        made = load_calibration(calibration, specs, cache / "calibration")
        return subsampled(made, cache / "calibration", COUNT)
    return None if no_random_data(specs) else generate(specs, GENERATED, cache / "calibration")
