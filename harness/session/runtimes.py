"""The oldest runtime that variants have to load on."""

from __future__ import annotations

from collections.abc import Iterable

from delegates.wire import Runtime
from harness.versions import minor

_LIMITING = ("tflite-runtime",)  # whose version says which op versions of TensorFlow's it knows


def oldest(runtimes: Iterable[Runtime | None]) -> tuple[int, int] | None:
    """Return major and minor version of the oldest runtime that limits ops; None if none does."""
    versions = [minor(r.version) for r in runtimes if r is not None and r.name in _LIMITING]
    return min((version for version in versions if version is not None), default=None)
