"""Reserve stdout for messages in a process whose libraries may print to it."""

from __future__ import annotations

import os
from typing import TextIO


def take_stdout() -> TextIO:
    """Return a private copy of stdout. Everything else that is printed from now on goes to stderr.

    Call it before any runtime is imported, so that neither Python nor C code can corrupt the messages.
    """
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "w", encoding="ascii", newline="\n")


def write(out: TextIO, line: str) -> None:
    """Write a line and flush it."""
    out.write(line)
    out.flush()
