"""Load representative data for calibration, and samples to compare outputs on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError
from harness.quantize.calibration.held import HeldData, as_source
from harness.quantize.calibration.options import LIMIT, Interval, Options
from harness.quantize.calibration.request import Request, parse
from harness.quantize.calibration.samples import InputSpec, Samples, short_name

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from harness.quantize.calibration.arrays import Arrays

__all__ = [
    "GENERATED",
    "HELD_BACK",
    "HeldData",
    "InputSpec",
    "Labelled",
    "Samples",
    "as_source",
    "generate",
    "load_calibration",
    "load_labelled",
    "load_split",
    "short_name",
    "spread",
    "subsampled",
]

LABELLED_BYTES = 1 << 30  # of the samples that are read for an evaluation, unless their number is given
MOST_LABELLED = 50_000  # and their number, as there are endless sources
GENERATED = 32  # random samples: more do not widen the ranges
HELD_BACK = 16  # the most samples that are held back


def load_calibration(
    asked: str | HeldData,
    inputs: Sequence[InputSpec],
    cache: Path,
    *,
    resize: str = "bilinear",
    scale: Interval | None = None,
    limit: int = LIMIT,
) -> Samples:
    """Load calibration data that a program holds, or that --calibration names, into the folder `cache`.

    A text is a source followed by its options, separated by commas:

    - `data.npy` for a model with one input, `data.npz` for several named ones;
    - a folder of images, subfolders included, sorted by name: `photos,scale=-1..1,resize=nearest`; scaled
      to [0, 1] by default, stretched to the input's height and width;
    - `package.module:callable`, called without arguments in a child process; it returns an array, a dict
      of arrays, a (data, labels) tuple, or yields samples: arrays, lists of one array per input
      (TensorFlow's representative_dataset), dicts, or (x, y) batches of a Keras or tf.data dataset;
    - `generate`, `generate,range=0..255`: random data, see `generate`.

    `samples=N` is an option of every source. `resize`, `scale` and `limit` are defaults for the options.
    Raises ModelError, one line, if the data does not fit the inputs.
    """
    request = parse(asked, Options(limit, resize, scale))
    if request.reader is None:
        return _generated(request, inputs, cache)
    arrays, notes = _unlabelled(request, inputs, request.options.samples)
    return _stored(request.text, arrays, notes, cache)


def load_split(
    asked: str | HeldData, inputs: Sequence[InputSpec], cache: Path, held_back: int = HELD_BACK
) -> tuple[Samples, Samples | None]:
    """Load calibration data, and other samples of the same source that are held back from it.

    At most `held_back` samples are held back, evenly spread over the source: those beyond the number that
    calibration uses, else up to a quarter of all; None if there are fewer than four. Held-back random samples
    are generated with another seed.
    """
    request = parse(asked, Options())
    if request.reader is None:
        return _generated(request, inputs, cache), _generated(request, inputs, cache, held_back)
    arrays, notes = _unlabelled(request, inputs, request.options.samples + held_back)
    total = len(next(iter(arrays.values())))
    count = min(held_back, max(total - request.options.samples, total // 4))
    if not count:
        return _stored(request.text, arrays, notes, cache), None
    chosen = spread(total, count)
    rest = [index for index in range(total) if index not in set(chosen)]
    all_notes = [*notes, f"{count} of {total} samples held back"]
    return (
        _stored(request.text, {name: array[rest] for name, array in arrays.items()}, all_notes, cache),
        _stored(request.text, {name: array[chosen] for name, array in arrays.items()}, notes, cache),
    )


@dataclass(frozen=True)
class Labelled:
    """Samples in memory with their labels. arrays: by input, each (samples, *shape). how: as of Samples."""

    source: str
    arrays: Arrays
    labels: Any  # an array (samples, …)
    how: str | None


def load_labelled(asked: str | HeldData, inputs: Sequence[InputSpec]) -> Labelled | None:
    """Load samples with their labels from a source, see `load_calibration`; None if there are no labels.

    Of a source that is too large the first ones are loaded, or, of a folder of images, an even selection.
    Raises ModelError.
    """
    from harness.quantize.calibration.labels import LABELS

    request = parse(asked, Options())
    if request.reader is None:
        return None
    limit = request.options.samples if request.count_given else _most(inputs)
    arrays, notes = _read(request, inputs, limit)
    labels = arrays.pop(LABELS, None)
    if labels is None:
        return None
    return Labelled(request.text, arrays, labels, ", ".join(notes) or None)


def _most(inputs: Sequence[InputSpec]) -> int:
    """Return how many samples are loaded at most."""
    size = sum(4 * math.prod(spec.shape[1:]) for spec in inputs)
    return max(1, min(MOST_LABELLED, LABELLED_BYTES // max(1, size)))


def spread(total: int, count: int) -> list[int]:
    """Return `count` indices evenly spread over `total`: sources are often sorted by class."""
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]


def generate(
    inputs: Sequence[InputSpec],
    samples: int,
    cache: Path,
    seed: int = 0,
    ranges: Mapping[str, Interval] | None = None,
) -> Samples:
    """Return uniform random samples in each input's range [low, high), the same for the same seed.

    The range is that of the input in `ranges`, else all that a quantized input can represent, else [-1, 1)
    for float inputs, all values for 8-bit ones, and 0 or 1 for wider integers, which may be indices into a
    small table. Raises ModelError.
    """
    import numpy as np

    from harness.quantize.calibration.arrays import finish, sample_dtype, store

    if samples < 1:
        raise ModelError(f"calibration generate: samples={samples} is too small; at least 1")
    rng = np.random.default_rng(seed)
    arrays: Arrays = {}
    said = []
    for spec in inputs:
        kind = np.dtype(sample_dtype(spec, "calibration generate")).kind
        low, high = (ranges or {}).get(spec.name) or _range(spec)
        values = _uniform(rng, low, high, (samples, *spec.shape[1:]))
        arrays[spec.name] = (
            values if kind == "f" else np.floor(values).astype("bool" if kind == "b" else "int64")
        )
        said.append(f"{spec.name} in [{low:g}, {high:g})")
    sha256, path = store(finish(arrays, inputs, "calibration generate", samples)[0], cache)
    return Samples("generate", samples, sha256, path, True, f"uniform random: {', '.join(said)}")


def _uniform(
    rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    try:
        return rng.uniform(low, high, shape)
    except MemoryError:
        sizes = "x".join(map(str, shape[1:]))
        raise ModelError(
            f"calibration generate: {shape[0]} samples of {sizes} do not fit into memory"
        ) from None


def subsampled(data: Samples, cache: Path, count: int) -> Samples:
    """Return at most `count` of the samples, evenly spread, in the folder `cache`. Raises ModelError."""
    from harness.quantize.calibration.arrays import load, store

    if data.samples <= count:
        return data
    chosen = spread(data.samples, count)
    arrays = {name: array[chosen] for name, array in load(data.path).items()}
    sha256, path = store(arrays, cache)
    return replace(data, samples=count, sha256=sha256, path=path)


def _range(spec: InputSpec) -> Interval:
    import numpy as np

    if spec.quantization is not None:
        limits, q = np.iinfo(spec.dtype), spec.quantization
        low, high = ((end - q.zero_points[0]) * q.scales[0] for end in (limits.min, limits.max))
        return float(low), float(high)
    if spec.dtype in ("int8", "uint8"):
        return float(np.iinfo(spec.dtype).min), float(np.iinfo(spec.dtype).max) + 1
    return (-1.0, 1.0) if "float" in spec.dtype else (0.0, 2.0)


def _generated(
    request: Request, inputs: Sequence[InputSpec], cache: Path, second: int | None = None
) -> Samples:
    """Return random data in the requested range; with `second`, that many samples of another seed."""
    interval = request.options.range
    ranges = dict.fromkeys((spec.name for spec in inputs), interval) if interval else None
    if second is not None:
        return generate(inputs, second, cache, seed=1, ranges=ranges)
    count = request.options.samples if request.count_given else GENERATED
    return generate(inputs, count, cache, ranges=ranges)


def _read(request: Request, inputs: Sequence[InputSpec], limit: int) -> tuple[Arrays, list[str]]:
    """Read at most `limit` samples, fitted to the inputs, with their labels if any; and notes on how."""
    from harness.quantize.calibration.arrays import finish
    from harness.quantize.calibration.labels import LABELS, matching

    assert request.reader is not None
    given, notes = request.reader(request.source, inputs, replace(request.options, samples=limit))
    arrays, more = finish(given, inputs, f"calibration {request.source}", limit)
    if LABELS in given:
        count = len(next(iter(arrays.values())))
        arrays[LABELS] = matching(given[LABELS][:limit], count, f"calibration {request.source}")
    return arrays, [*notes, *more]


def _unlabelled(request: Request, inputs: Sequence[InputSpec], limit: int) -> tuple[Arrays, list[str]]:
    """Read at most `limit` samples without labels."""
    arrays, notes = _read(request, inputs, limit)
    return {spec.name: arrays[spec.name] for spec in inputs}, notes


def _stored(text: str, arrays: Arrays, notes: Sequence[str], cache: Path) -> Samples:
    from harness.quantize.calibration.arrays import store

    sha256, path = store(arrays, cache)
    return Samples(text, len(next(iter(arrays.values()))), sha256, path, False, ", ".join(notes) or None)
