"""Representative data: arrays, images, callables or generated."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.checks import suggest
from harness.errors import ModelError
from harness.inspect import Quantization

if TYPE_CHECKING:
    from harness.calibration.arrays import Arrays

LIMIT = 256  # samples used at most, unless told otherwise; TensorFlow's guide asks for 100 to 500
GENERATED = 32  # random samples: more of them don't widen the ranges
RESIZES = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")  # Pillow's filters


@dataclass(frozen=True)
class Calibration:
    """Samples for the converter and for comparing outputs, checked against the model's inputs.

    `path` is an .npz: one array per input, named as the model names its inputs, shape (samples, *input
    shape without the batch dimension), real (not quantized) values: float32, or the input's own type
    where it holds whole numbers (token ids, raw pixels) or booleans.
    """

    source: str  # as the user gave it, "generate", or "built-in"
    samples: int
    sha256: str
    path: Path
    generated: bool
    how: str | None = None  # how the data was made to fit, e.g. "resized to 96x96, scaled to [0, 1]"


@dataclass(frozen=True)
class InputSpec:
    """A model input: dtype is numpy's name, shape has the static batch dimension first.

    With a quantization, samples are real values and not of `dtype`.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    quantization: Quantization | None = None


def load_calibration(
    text: str,
    inputs: Sequence[InputSpec],
    cache: Path,
    *,
    resize: str = "bilinear",
    scale: tuple[float, float] | None = None,
    limit: int = LIMIT,
) -> Calibration:
    """Calibration data from what --calibration names, written into the folder `cache`.

    `text` is a source and, behind commas, its options:

    - `data.npy` for a model with one input, `data.npz` for several named ones;
    - a folder of images, subfolders included, sorted by name: `photos,scale=-1..1,resize=nearest`; scaled
      to [0, 1] unless told otherwise, stretched to the input's height and width;
    - `package.module:callable`, called without arguments in a child process; it returns an array, a dict
      of arrays, a (data, labels) tuple, or yields samples: arrays, lists of one array per input
      (TensorFlow's representative_dataset), dicts, or (x, y) batches of a Keras or tf.data dataset;
    - `generate`, `generate,range=0..255`: random data, see `generate`.

    `samples=N` goes with each. `resize`, `scale` and `limit` are what counts where `text` does not say.
    Raises ModelError, one line, for whatever does not fit the inputs.
    """
    source, options = _split(text)
    reader, allowed = _reader(source)
    for key in options:
        if key in _OPTIONS and key not in allowed:
            raise ModelError(f'calibration {text}: "{key}" is for other sources; known: {", ".join(allowed)}')
        if key not in allowed:
            raise ModelError(f'calibration {text}: unknown option "{key}"{suggest(key, allowed)}')
    asked: dict[str, Any] = {"resize": resize, "scale": scale, "samples": limit}
    asked |= {key: _OPTIONS[key](text, key, value) for key, value in options.items()}
    if reader is None:
        ranges = dict.fromkeys((spec.name for spec in inputs), asked["range"]) if "range" in asked else None
        return generate(inputs, asked["samples"] if "samples" in options else GENERATED, cache, ranges=ranges)
    from harness.calibration.arrays import finish, store

    arrays, notes = reader(source, inputs, asked)
    arrays, more = finish(arrays, inputs, f"calibration {source}", asked["samples"])
    sha256, path = store(arrays, cache)
    samples = len(next(iter(arrays.values())))
    return Calibration(text, samples, sha256, path, False, ", ".join([*notes, *more]) or None)


def generate(
    inputs: Sequence[InputSpec],
    samples: int,
    cache: Path,
    seed: int = 0,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> Calibration:
    """Uniform random samples, the same for the same seed, in each input's range [low, high).

    The range is what `ranges` says for the input's name, else what a quantized input can express, else
    [-1, 1) for float inputs, all values for 8-bit ones, and 0 or 1 for wider integers (indices into a
    table that may be small). Raises ModelError.
    """
    import numpy as np

    from harness.calibration.arrays import finish, sample_dtype, store

    if samples < 1:
        raise ModelError(f"calibration generate: {samples} samples asked for; at least 1 is needed")
    rng = np.random.default_rng(seed)
    arrays: Arrays = {}
    said = []
    for spec in inputs:
        kind = np.dtype(sample_dtype(spec, "calibration generate")).kind
        low, high = (ranges or {}).get(spec.name) or _range(spec)
        values = rng.uniform(low, high, (samples, *spec.shape[1:]))
        arrays[spec.name] = (
            values if kind == "f" else np.floor(values).astype("bool" if kind == "b" else "int64")
        )
        said.append(f"{spec.name} in [{low:g}, {high:g})")
    sha256, path = store(finish(arrays, inputs, "calibration generate", samples)[0], cache)
    return Calibration("generate", samples, sha256, path, True, f"uniform random: {', '.join(said)}")


def sample_inputs(calibration: Calibration, cache: Path, count: int = 16) -> Path:
    """The first `count` samples as an .npz of the same form in the folder `cache`, named by content."""
    from harness.calibration.arrays import load, store

    return store({name: array[:count] for name, array in load(calibration.path).items()}, cache)[1]


def anchored(text: str, folder: Path) -> str:
    """`text` with a relative file or folder taken from `folder`; other sources stay as they are."""
    source = _split(text)[0]
    is_file = (folder / source).exists() or not (source == "generate" or _CALLABLE.fullmatch(source))
    return str(folder / text) if is_file and not source.startswith("~") else text


def _range(spec: InputSpec) -> tuple[float, float]:
    import numpy as np

    if spec.quantization is not None:
        limits, q = np.iinfo(spec.dtype), spec.quantization
        low, high = ((end - q.zero_points[0]) * q.scales[0] for end in (limits.min, limits.max))
        return float(low), float(high)
    if spec.dtype in ("int8", "uint8"):
        return float(np.iinfo(spec.dtype).min), float(np.iinfo(spec.dtype).max) + 1
    return (-1.0, 1.0) if "float" in spec.dtype else (0.0, 2.0)


_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
Reader = Callable[[str, Sequence[InputSpec], Mapping[str, Any]], "tuple[Arrays, list[str]]"]


def _split(text: str) -> tuple[str, dict[str, str]]:
    """Source and options: `photos,scale=-1..1` -> ("photos", {"scale": "-1..1"})."""
    found = re.fullmatch(r"(.*?)((?:,[a-z_]+=[^,]*)*)", text, re.DOTALL)
    if found is None or Path(text).exists():
        return text, {}
    return found[1], dict(part.split("=", 1) for part in found[2].split(",")[1:])


def _reader(source: str) -> tuple[Reader | None, tuple[str, ...]]:
    """What reads a source (None: it is generated), and the options that it knows."""
    from harness.calibration import arrays, callables, images

    if not source:
        raise ModelError(
            "calibration: no source named; give a file, a folder, package.module:callable or generate"
        )
    path = Path(source).expanduser()
    if source == "generate":
        return None, ("samples", "range")
    if path.is_dir():
        return images.read, ("samples", "scale", "resize")
    if path.exists():
        return arrays.read, ("samples",)
    if _CALLABLE.fullmatch(source):
        return callables.read, ("samples",)
    raise ModelError(
        f"calibration {source}: no such file or folder, and neither package.module:callable nor generate"
    )


def _interval(text: str, key: str, value: str) -> tuple[float, float]:
    number = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
    found = re.fullmatch(rf"({number})\.\.({number})", value)
    if found is None or not float(found[1]) < float(found[2]):
        raise ModelError(f"calibration {text}: {key}={value} is not LOW..HIGH, such as {key}=-1..1")
    return float(found[1]), float(found[2])


def _count(text: str, key: str, value: str) -> int:
    if not value.isdecimal() or not 0 < int(value) < 10**9:
        raise ModelError(f"calibration {text}: {key}={value} is not a whole number above 0")
    return int(value)


def _filter(text: str, key: str, value: str) -> str:
    if value not in RESIZES:
        raise ModelError(f"calibration {text}: {key}={value}: unknown way to resize{suggest(value, RESIZES)}")
    return value


_OPTIONS: Mapping[str, Callable[[str, str, str], Any]] = {
    "samples": _count,
    "scale": _interval,
    "range": _interval,
    "resize": _filter,
}
