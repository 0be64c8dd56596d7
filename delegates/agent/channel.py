"""The one clean way out of a process whose libraries write where they like."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Dict, Optional, TextIO

from ..wire import Message


def take_stdout() -> TextIO:
    """A private copy of file descriptor 1; from now on 1 is 2.

    Called before any runtime is imported, so that neither a Python print nor a C library can spoil
    the answers.
    """
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "w", encoding="ascii", newline="\n")


Emit = Callable[[Message], None]


def write(out: TextIO, line: str) -> None:
    out.write(line)
    out.flush()


def write_json(out: TextIO, message: Dict[str, Any]) -> None:
    write(out, json.dumps(message) + "\n")


def read_json(stream: TextIO) -> Optional[Dict[str, Any]]:
    """The next message, or None at the end of the stream."""
    line = stream.readline()
    return json.loads(line) if line else None
