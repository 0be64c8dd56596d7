"""The answer to cleaning a machine."""

from __future__ import annotations

from typing import NamedTuple


class Cleaned(NamedTuple):
    """What was removed from a machine."""

    files: int
    bytes: int
