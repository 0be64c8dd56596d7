"""Versions of runtimes and converters, compared as numbers."""

from __future__ import annotations

import re

Version = tuple[int, ...]


def release(text: str) -> Version:
    """The numbers of a release: (2, 15) of "2.15rc1", (2, 14, 0) of "2.14.0+board"; () where there are none.

    Builds with a name of their own, such as "2.7.0-vendor", count as the release they begin with.
    """
    from packaging.version import Version as Parsed

    try:
        return Parsed(text).release
    except ValueError:  # no version, or numbers of thousands of digits
        found = re.match(r"v?(\d{1,9}(?:\.\d{1,9})*)", text.strip(), re.ASCII)
        return tuple(int(part) for part in found[1].split(".")) if found else ()


def minor(text: str) -> tuple[int, int] | None:
    """Major and minor number; None where the text has not got both."""
    numbers = release(text)
    return (numbers[0], numbers[1]) if len(numbers) > 1 else None
