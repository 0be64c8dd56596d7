"""How a command ends: its exit code, and errors about output that could not be written."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from harness.errors import QbenchError
from harness.report import output

INTERRUPTED = 130
_PRECEDENCE = (INTERRUPTED, QbenchError.exit_code, 4, 1, 3, 0)  # if several apply, the first wins


def first_of(*codes: int) -> int:
    """Return the exit code that takes precedence."""
    return min(codes, key=_PRECEDENCE.index)


def end(code: int, problems: Sequence[str] = ()) -> None:
    """Print `problems` and exit with `code`, or with 2 if there are problems and 2 takes precedence."""
    for problem in problems:
        output.say(problem)
    raise typer.Exit(first_of(code, *(QbenchError.exit_code for _ in problems)))
