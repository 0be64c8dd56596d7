"""The end of a command: its exit code, and what could not be printed or written."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from harness.errors import QbenchError
from harness.report import output

INTERRUPTED = 130
_FIRST = (INTERRUPTED, QbenchError.exit_code, 4, 1, 3, 0)  # the first of these that applies


def end(code: int, problems: Sequence[str] = ()) -> None:
    """End the command with `code`, or 2 if that goes first and there are `problems`, which are printed."""
    for problem in problems:
        output.say(problem)
    codes = [code, *(QbenchError.exit_code for _ in problems)]
    raise typer.Exit(min(codes, key=_FIRST.index))
