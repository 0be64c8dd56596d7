"""Indented text on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

_NARROWEST = 20  # columns


def print_indented(text: str, by: int, console: Console, style: str = "") -> None:
    """Print a text wrapped to the terminal, with every line indented by `by` columns."""
    for line in Text(text, style=style).wrap(console, max(_NARROWEST, console.width - by)):
        console.print(Text(" " * by).append_text(line))
