"""What is asked of a source of samples: a text such as `photos,scale=-1..1`, or data that a program holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.checks import suggest
from harness.config.sources import is_callable, split_options
from harness.errors import ModelError
from harness.quantize.calibration.held import HeldData
from harness.quantize.calibration.options import Interval, Options
from harness.quantize.calibration.samples import InputSpec

if TYPE_CHECKING:
    from harness.quantize.calibration.arrays import Arrays

RESIZES = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")  # Pillow's filters

Reader = Callable[[str, Sequence[InputSpec], Options], "tuple[Arrays, list[str]]"]


@dataclass(frozen=True)
class Request:
    """A source, its options, and the reader of it; None: data is generated.

    text: as the user named it. count_given: whether the user said how many samples.
    """

    text: str
    source: str
    reader: Reader | None
    options: Options
    count_given: bool = False


def parse(asked: str | HeldData, options: Options) -> Request:
    """The request; `options` is what counts if a text does not say otherwise.

    Raises ModelError for a source or an option that does not exist.
    """
    if isinstance(asked, HeldData):
        return Request(asked.name, asked.name, _read_held(asked), options)
    source, given = split_options(asked)
    reader, allowed = _reader(source)
    for key in given:
        if key in _CHECKS and key not in allowed:
            raise ModelError(
                f'calibration {asked}: "{key}" is for other sources; known: {", ".join(allowed)}'
            )
        if key not in allowed:
            raise ModelError(f'calibration {asked}: unknown option "{key}"{suggest(key, allowed)}')
    for key, value in given.items():
        options = _CHECKS[key](asked, key, value, options)
    return Request(asked, source, reader, options, "samples" in given)


def _read_held(data: HeldData) -> Reader:
    return lambda source, inputs, options: data.read(inputs, options.samples)


def _reader(source: str) -> tuple[Reader | None, tuple[str, ...]]:
    """The reader of a source (None: data is generated), and the options that it knows."""
    from harness.quantize.calibration import arrays, images

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
        return lambda name, inputs, options: arrays.read(name, inputs, options.samples), ("samples",)
    if is_callable(source):
        return _read_callable, ("samples",)
    raise ModelError(
        f"calibration {source}: no such file or folder, and neither package.module:callable nor generate"
    )


def _read_callable(source: str, inputs: Sequence[InputSpec], options: Options) -> tuple[Arrays, list[str]]:
    from harness.quantize.calibration.callables import evaluate_callable

    return evaluate_callable(source, inputs, options.samples), []


def _samples(text: str, key: str, value: str, options: Options) -> Options:
    if not value.isdecimal() or not 0 < int(value) < 10**9:
        raise ModelError(f"calibration {text}: {key}={value} is not a whole number above 0")
    return replace(options, samples=int(value))


def _scale(text: str, key: str, value: str, options: Options) -> Options:
    return replace(options, scale=_interval(text, key, value))


def _range(text: str, key: str, value: str, options: Options) -> Options:
    return replace(options, range=_interval(text, key, value))


def _resize(text: str, key: str, value: str, options: Options) -> Options:
    if value not in RESIZES:
        raise ModelError(f"calibration {text}: {key}={value}: unknown way to resize{suggest(value, RESIZES)}")
    return replace(options, resize=value)


def _interval(text: str, key: str, value: str) -> Interval:
    number = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
    found = re.fullmatch(rf"({number})\.\.({number})", value)
    if found is None or not float(found[1]) < float(found[2]):
        raise ModelError(f"calibration {text}: {key}={value} is not LOW..HIGH, such as {key}=-1..1")
    return float(found[1]), float(found[2])


_CHECKS: Mapping[str, Callable[[str, str, str, Options], Options]] = {
    "samples": _samples,
    "scale": _scale,
    "range": _range,
    "resize": _resize,
}
