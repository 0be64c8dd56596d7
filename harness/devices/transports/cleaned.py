"""The result of cleaning a machine."""

from __future__ import annotations

from typing import NamedTuple


class Cleaned(NamedTuple):
    """How many files and bytes were removed from a machine."""

    files: int
    bytes: int
