"""Options that several commands share, and parsers for their values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import ConfigError
from harness.record.shapes import Shapes
from harness.versions import minor

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="Keras file, SavedModel folder, package.module:callable, .tflite file, folder of .tflite files,"
        " or a built-in name (digits, mobilenet_v2, …). Repeatable. Default: digits.",
    ),
]
Variants = Annotated[
    list[str] | None,
    typer.Option("--variant", "-v", metavar="VARIANT", help="Only this variant. Repeatable. Default: all."),
]
Calibration = Annotated[
    str | None,
    typer.Option(
        metavar="SOURCE",
        help="Representative data: .npy, .npz, a folder of images, package.module:callable, or generate.",
    ),
]
TrustModel = Annotated[
    bool,
    typer.Option(
        "--trust-model",
        help="Let code in model files run, such as Lambda layers of Keras. Else such files are refused.",
    ),
]
Batch = Annotated[int, typer.Option(min=1, metavar="N", help="Batch size that input shapes are fixed to.")]
Shape = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]1x96x96x3",
        help="Shape of an input, for models with free dimensions; of several, joined by commas. Repeated for"
        " one input: a sweep.",
    ),
]
Signature = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Which signature of a model that has several. Repeatable."),
]
DevicesFile = Annotated[
    Path | None,
    typer.Option(
        "--devices-file",
        metavar="FILE",
        help="Device profiles. Default: devices.toml from here upwards, else the one qbench came with.",
    ),
]
Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Folder of stored runs.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Neither progress nor notes on stderr, only errors.")
]
JsonFile = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="FILE|-", help="Write JSON to FILE instead of a table to stdout; - is stdout."
    ),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="Only runs from then on: 2026-11-21 or 2026-11-21T14:30, in UTC."),
]
Until = Annotated[
    str | None, typer.Option(metavar="DATE", help="Only runs until then; a day is included as a whole.")
]
WithTag = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY[=VALUE]", help="Only runs with this tag. Repeatable: with all of them."),
]


def one_point(shape: Sequence[str] | None, signature: Sequence[str] | None) -> tuple[Shapes, str | None]:
    """Return the shapes and the signature that --shape and --signature give once. Raises ConfigError."""
    from harness.session.options import Options

    points = Options(shapes=shape or (), signatures=signature or ()).inputs()
    if len(points) > 1:
        raise ConfigError("--shape, --signature: one point expected here, not a sweep")
    return points[0]


def read_threads(text: str | None) -> list[int]:
    """Return the thread counts in "4" or "1,2,4"; none if the option was not given. Raises ConfigError."""
    from harness.config import MOST_THREADS

    try:
        numbers = [] if text is None else [int(part) for part in text.split(",")]
    except ValueError:
        numbers = [0]
    if any(not 0 < number <= MOST_THREADS for number in numbers):
        raise ConfigError(
            f"--threads {text}: whole numbers from 1 to {MOST_THREADS} expected, for example 4 or 1,2,4"
        )
    return numbers


def read_tags(texts: Sequence[str]) -> dict[str, str]:
    """Return {"board": "pi4"} for "board=pi4". Raises ConfigError."""
    tags = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ConfigError(f"--tag {text}: KEY=VALUE expected, for example board=pi4")
        tags[name] = value
    return tags


def read_tag_filter(texts: Sequence[str]) -> dict[str, str | None]:
    """Return {"board": "pi4"} for "board=pi4", and {"board": None}, any value, for "board"."""
    parts = [text.partition("=") for text in texts]
    return {name: value if equals else None for name, equals, value in parts}


def read_percent(option: str, text: str, below: float = 1) -> float:
    """Return 0.01 for "1%", "1" or "1 %". Raises ConfigError for less than 0 and from `below` on."""
    try:
        fraction = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction < below:
        raise ConfigError(
            f"{option} {text}: a percentage from 0% to below {below:.0%} expected, for example 1%"
        )
    return fraction


def read_version(text: str | None) -> tuple[int, int] | None:
    """Return (2, 14) for "2.14"; None if the option was not given. Raises ConfigError."""
    if text is None:
        return None
    version = minor(text)
    if version is None:
        raise ConfigError(f"--for-runtime {text}: a version expected, for example 2.14")
    return version
