"""Sources of samples and their options, read from a text such as `photos,scale=-1..1`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.checks import suggest
from harness.config.sources import is_callable, split_options
from harness.errors import ModelError

if TYPE_CHECKING:
    from harness.quantize.calibration import InputSpec
    from harness.quantize.calibration.arrays import Arrays

LIMIT = 256  # samples used at most, unless told otherwise; TensorFlow's guide asks for 100 to 500
RESIZES = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")  # Pillow's filters

Reader = Callable[[str, "Sequence[InputSpec]", Mapping[str, Any]], "tuple[Arrays, list[str]]"]


@dataclass(frozen=True)
class Request:
    """A parsed --calibration text: the reader (None: data is generated), the options, and those given."""

    text: str
    source: str
    reader: Reader | None
    options: Mapping[str, Any]
    given: frozenset[str]

    @property
    def samples(self) -> int:
        return int(self.options["samples"])


def parse(text: str, resize: str, scale: tuple[float, float] | None, limit: int) -> Request:
    """The request in `text`. Raises ModelError for a source or an option that there is not."""
    source, options = split_options(text)
    reader, allowed = _reader(source)
    for key in options:
        if key in _OPTIONS and key not in allowed:
            raise ModelError(f'calibration {text}: "{key}" is for other sources; known: {", ".join(allowed)}')
        if key not in allowed:
            raise ModelError(f'calibration {text}: unknown option "{key}"{suggest(key, allowed)}')
    asked: dict[str, Any] = {"resize": resize, "scale": scale, "samples": limit}
    asked |= {key: _OPTIONS[key](text, key, value) for key, value in options.items()}
    return Request(text, source, reader, asked, frozenset(options))


def _reader(source: str) -> tuple[Reader | None, tuple[str, ...]]:
    """The reader of a source (None: data is generated), and the options that it knows."""
    from harness.quantize.calibration import arrays, callables, images

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
    if is_callable(source):
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
