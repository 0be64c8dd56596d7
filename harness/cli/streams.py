"""The command's standard streams, made fit for use when the caller closed them or they cannot be written."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

from harness.errors import ResultsError


def prepare() -> None:
    """Fill the standard streams that are closed; failed writes become one clear error, or nothing.

    Standard output that is full or closed raises ResultsError once; a reader that has gone away has seen
    enough. What standard error cannot take is dropped: there is no other place to say it.
    """
    _fill_descriptors()
    output, errors = _Output(1, closed=sys.stdout is None), _Errors(2)
    sys.stdout = _text(sys.stdout, output, by_line=output.isatty())
    sys.stderr = _text(sys.stderr, errors, by_line=True)


def _fill_descriptors() -> None:
    """Open 0, 1 and 2 on the null device where closed, else the next file opened would be one of them."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _text(old: TextIO | None, raw: io.FileIO, *, by_line: bool) -> TextIO:
    """A terminal that has no ★ still gets its table: characters it cannot show become question marks."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(old, "encoding", None) or "utf-8",
        errors="replace",
        line_buffering=by_line,
    )


def _to_nowhere(number: int) -> None:
    """Let a descriptor's further writes succeed and go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


class _Output(io.FileIO):
    """Standard output. A failed write raises ResultsError, and the writes after it go nowhere."""

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
    """Standard error. A failed write and those after it go nowhere."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            _to_nowhere(self.fileno())
            return len(data)
