"""Find the installed converter without importing TensorFlow."""

from __future__ import annotations

import importlib.metadata

from harness.errors import ModelError
from harness.record import Converter

NAME = "TFLiteConverter"
_DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tf-nightly")


def converter() -> Converter:
    """Return the converter with TensorFlow's version. Raises ModelError if it is not installed."""
    for name in _DISTRIBUTIONS:
        if version := version_of(name):
            return Converter(NAME, version)
    raise ModelError(
        "making variants of a float model needs TensorFlow, which is not installed: "
        "pip install 'qbench-tflite[convert]'"
    )


def version_of(distribution: str) -> str | None:
    """Return the version of an installed distribution; None if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
