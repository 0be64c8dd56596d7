"""Parse a request for samples: a text such as `photos,scale=-1..1`, or data that a program holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.sources import is_callable, split_options
from harness.errors import ModelError
from harness.quantize.calibration.held import HeldData
from harness.quantize.calibration.options import Options, with_options
from harness.quantize.calibration.samples import InputSpec

if TYPE_CHECKING:
    from harness.quantize.calibration.arrays import Arrays

Reader = Callable[[str, Sequence[InputSpec], Options], "tuple[Arrays, list[str]]"]


@dataclass(frozen=True)
class Request:
    """A source, its options, and its reader; without a reader, data is generated.

    text: the source as the user gave it. count_given: True if the user gave the number of samples.
    """

    text: str
    source: str
    reader: Reader | None
    options: Options
    count_given: bool = False


def parse(asked: str | HeldData, options: Options) -> Request:
    """Return the request; options in a text win over `options`.

    Raises ModelError for a source or an option that does not exist.
    """
    if isinstance(asked, HeldData):
        return Request(asked.name, asked.name, _read_held(asked), options)
    source, given = split_options(asked)
    reader, allowed = _reader(source)
    options = with_options(options, asked, given, allowed)
    return Request(asked, source, reader, options, "samples" in given)


def _read_held(data: HeldData) -> Reader:
    return lambda source, inputs, options: data.read(inputs, options.samples)


def _reader(source: str) -> tuple[Reader | None, tuple[str, ...]]:
    """Return the reader of a source (None: data is generated), and the options that it knows."""
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
