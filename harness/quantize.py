"""PTQ variants of a model, cached by content; TensorFlow runs only in child processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.inspect import TensorInfo


@dataclass(frozen=True)
class Variant:
    """One .tflite file and how it came to be."""

    model: str
    name: str
    scheme: str  # detected from the file
    path: Path
    size_bytes: int
    sha256: str
    source_sha256: str  # of the model it was made from (of the file itself for a ready .tflite)
    converter: Mapping[str, str] | None  # {name, version}; None for a ready .tflite
    settings: Mapping[str, Any] | None
    calibration: Mapping[str, Any] | None  # {source, samples, sha256, how, generated}
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    warnings: tuple[tuple[str, str], ...] = ()  # (code, message)


@dataclass(frozen=True)
class FailedVariant:
    """A variant that could not be made, with the converter's reason in one line."""

    model: str
    name: str
    reason: str


@dataclass(frozen=True)
class VariantSet:
    """All variants of one model, and the inputs their outputs are compared on."""

    model: str
    source: str
    sha256: str
    variants: tuple[Variant, ...]
    failed: tuple[FailedVariant, ...] = ()
    inputs: Mapping[str, Path] = field(default_factory=dict)  # variant name -> .npz of sample inputs
