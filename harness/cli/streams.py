"""Standard streams that work even if they are closed or can't be written to."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

from harness.errors import ResultsError


def prepare() -> None:
    """Reopen closed standard streams, and replace tracebacks about failed writes by one clear error.

    The first failed write to standard output raises ResultsError, unless its reader has gone (`| head`).
    Failed writes to standard error are dropped: there is nowhere else to report them.
    """
    _fill_descriptors()
    output, errors = _Output(1, closed=sys.stdout is None), _Errors(2)
    sys.stdout = _text(sys.stdout, output, by_line=output.isatty())
    sys.stderr = _text(sys.stderr, errors, by_line=True)


def _fill_descriptors() -> None:
    """Open descriptors 0, 1 and 2 on the null device if they are closed, before another file gets one."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _text(old: TextIO | None, raw: io.FileIO, *, by_line: bool) -> TextIO:
    """Return a text stream that replaces characters its encoding lacks."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(old, "encoding", None) or "utf-8",
        errors="replace",
        line_buffering=by_line,
    )


def _redirect_to_null(number: int) -> None:
    """Send further writes to a descriptor to the null device."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


class _Output(io.FileIO):
    """Standard output: the first failed write raises ResultsError, later writes are dropped."""

    def __init__(self, number: int, closed: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self._problem = "standard output is closed" if closed else None

    def write(self, data: Any, /) -> int:
        try:
            if self._problem is None:
                return super().write(data)
        except BrokenPipeError:
            _redirect_to_null(self.fileno())
            return len(data)
        except OSError as error:
            _redirect_to_null(self.fileno())
            self._problem = error.strerror or str(error)
        problem, self._problem = self._problem, None
        raise ResultsError(f"cannot write the output: {problem}")


class _Errors(io.FileIO):
    """Standard error: a failed write and all later ones are dropped."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            _redirect_to_null(self.fileno())
            return len(data)
