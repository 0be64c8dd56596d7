"""Standard streams that work even where the caller closed them or they can't be written."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

from harness.errors import ResultsError


def prepare() -> None:
    """Open the standard streams that are closed, and turn failed writes into one clear error, or none.

    Standard output that is full or closed raises ResultsError once; one whose reader has gone is ignored.
    What can't be written to standard error is dropped: there is no other place to report it.
    """
    _fill_descriptors()
    output, errors = _Output(1, closed=sys.stdout is None), _Errors(2)
    sys.stdout = _text(sys.stdout, output, by_line=output.isatty())
    sys.stderr = _text(sys.stderr, errors, by_line=True)


def _fill_descriptors() -> None:
    """Open 0, 1 and 2 on the null device where they are closed: the next file opened would be one of them."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _text(old: TextIO | None, raw: io.FileIO, *, by_line: bool) -> TextIO:
    """Return a text stream that replaces characters which its encoding does not have."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(old, "encoding", None) or "utf-8",
        errors="replace",
        line_buffering=by_line,
    )


def _to_nowhere(number: int) -> None:
    """Let further writes to a descriptor succeed and go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


class _Output(io.FileIO):
    """Standard output: a failed write raises ResultsError, and later ones go nowhere."""

    def __init__(self, number: int, closed: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self._problem = "standard output is closed" if closed else None

    def write(self, data: Any, /) -> int:
        try:
            if self._problem is None:
                return super().write(data)
        except BrokenPipeError:
            _to_nowhere(self.fileno())
            return len(data)
        except OSError as error:
            _to_nowhere(self.fileno())
            self._problem = error.strerror or str(error)
        problem, self._problem = self._problem, None
        raise ResultsError(f"cannot write the output: {problem}")


class _Errors(io.FileIO):
    """Standard error: a failed write and all later ones go nowhere."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            _to_nowhere(self.fileno())
            return len(data)
