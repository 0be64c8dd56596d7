"""How a command ends: its exit code, and errors about output that could not be written."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from harness.errors import QbenchError
from harness.report import output

INTERRUPTED = 130
_PRECEDENCE = (INTERRUPTED, QbenchError.exit_code, 4, 1, 3, 0)  # if several apply, the first wins


def end(code: int, problems: Sequence[str] = ()) -> None:
    """Print `problems` and exit with `code`, or with 2 if there are problems and 2 takes precedence."""
    for problem in problems:
        output.say(problem)
    codes = [code, *(QbenchError.exit_code for _ in problems)]
    raise typer.Exit(min(codes, key=_PRECEDENCE.index))
