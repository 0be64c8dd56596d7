"""The built-in model `digits`: a small convolutional network for scikit-learn's handwritten digits.

It is trained on first use, with a fixed seed, which needs TensorFlow; its files are kept in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from harness import cache
from harness.errors import ModelError
from harness.models import DIGITS_RECIPE

INPUT = "image"


@dataclass(frozen=True)
class Digits:
    """The files of the built-in model.

    `calibration`: .npz with `image`, 128 training images; `evaluation`: .npz with `x` (360 test images,
    360 x 8 x 8 x 1 float32 in [0, 1]) and `y` (their digits, 360 int64).
    """

    model: Path
    calibration: Path
    evaluation: Path


class _Record(Struct, frozen=True):
    """The SHA-256 of each file in the cache."""

    model: str
    calibration: str
    evaluation: str


SUFFIXES = {"model": ".keras", "calibration": ".npz", "evaluation": ".npz"}


def digits_files(folder: Path) -> Digits | None:
    """Return the built-in model in the cache `folder`; None unless it is complete and undamaged."""
    record = cache.read_record(_record(folder), _Record)
    if record is None:
        return None
    found = {name: cache.get(folder / "files", getattr(record, name), SUFFIXES[name]) for name in SUFFIXES}
    whole = {name: path for name, path in found.items() if path is not None}
    return Digits(**whole) if len(whole) == len(SUFFIXES) else None


def need_digits(folder: Path) -> Digits:
    """Return the built-in model in the cache. Raises ModelError if it is not there."""
    if (files := digits_files(folder)) is None:
        raise ModelError(f"{folder}: the built-in model is not in the cache, or no longer whole; run again")
    return files


def keep_digits(folder: Path, made: Digits) -> Digits:
    """Copy the files to the cache `folder`. Raises ModelError if it can't be written."""
    contents = {name: getattr(made, name).read_bytes() for name in SUFFIXES}
    paths = {name: cache.put(folder / "files", data, SUFFIXES[name]) for name, data in contents.items()}
    cache.write_record(_record(folder), _Record(**{n: cache.digest(data) for n, data in contents.items()}))
    return Digits(**paths)


def _record(folder: Path) -> Path:
    return folder / "builtin" / f"{cache.key(recipe=DIGITS_RECIPE)}.json"
