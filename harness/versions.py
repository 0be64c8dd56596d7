"""Versions of runtimes and converters, compared as numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from delegates.wire import Runtime

Version = tuple[int, ...]
_LIMITING = ("tflite-runtime",)  # runtimes whose version tells which versions of ops they know


def release(text: str) -> Version:
    """Return the numbers of a release: "2.15rc1" -> (2, 15), "2.14.0+board" -> (2, 14, 0), no version -> ().

    Builds with a name of their own, such as "2.7.0-vendor", count as the release they begin with.
    """
    from packaging.version import Version as Parsed

    try:
        return Parsed(text).release
    except ValueError:  # no version, or numbers of thousands of digits
        found = re.match(r"v?(\d{1,9}(?:\.\d{1,9})*)", text.strip(), re.ASCII)
        return tuple(int(part) for part in found[1].split(".")) if found else ()


def minor(text: str) -> tuple[int, int] | None:
    """Return major and minor number; None if the text does not have both."""
    numbers = release(text)
    return (numbers[0], numbers[1]) if len(numbers) > 1 else None


def oldest_limiting(runtimes: Iterable[Runtime | None]) -> tuple[int, int] | None:
    """Return (major, minor) of the oldest runtime that limits which ops variants may have.

    None if there is no such runtime among them.
    """
    versions = [minor(found.version) for found in runtimes if found is not None and found.name in _LIMITING]
    return min((version for version in versions if version is not None), default=None)
