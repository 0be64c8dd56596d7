"""Options of a source of samples, as in `photos,scale=-1..1,resize=nearest`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.config.checks import suggest
from harness.errors import ModelError

LIMIT = 256  # the most samples by default; TensorFlow's guide recommends 100 to 500
RESIZES = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")  # Pillow's filters

Interval = tuple[float, float]


@dataclass(frozen=True)
class Options:
    """How to read samples.

    samples: the most to read. resize: a Pillow filter. scale: the range that images are scaled to; None: it
    depends on the input. range: that of random data; None: it depends on the input.
    """

    samples: int = LIMIT
    resize: str = "bilinear"
    scale: Interval | None = None
    range: Interval | None = None


def with_options(options: Options, text: str, given: Mapping[str, str], allowed: Sequence[str]) -> Options:
    """Return `options` updated with those `given` in `text`. Raises ModelError if one is not `allowed`."""
    for key in given:
        if key in _CHECKS and key not in allowed:
            raise ModelError(f'calibration {text}: "{key}" is for other sources; known: {", ".join(allowed)}')
        if key not in allowed:
            raise ModelError(f'calibration {text}: unknown option "{key}"{suggest(key, allowed)}')
    for key, value in given.items():
        options = _CHECKS[key](text, key, value, options)
    return options


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
