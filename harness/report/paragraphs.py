"""Text under a table, before it is laid out for a terminal or a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Paragraph:
    """A heading, what stands beside it in plain type, and indented lines below."""

    head: str
    about: str = ""
    lines: tuple[str, ...] = ()
    tone: Literal["strong", "dim", "plain"] = "strong"  # of the heading
