"""A paragraph under a table, independent of the output format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Paragraph:
    """A heading, plain text beside it, and indented lines below."""

    head: str
    about: str = ""
    lines: tuple[str, ...] = ()
    tone: Literal["strong", "dim", "plain"] = "strong"  # of the heading
