"""The one clean way out of a process whose libraries write where they like."""

from __future__ import annotations

import os
from typing import TextIO


def take_stdout() -> TextIO:
    """A private copy of file descriptor 1; from now on, what is written to 1 goes to 2.

    Called before any runtime is imported, so that neither a Python print nor a C library can spoil
    the answers.
    """
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "w", encoding="ascii", newline="\n")


def write(out: TextIO, line: str) -> None:
    """Write a line, and have it on its way."""
    out.write(line)
    out.flush()
