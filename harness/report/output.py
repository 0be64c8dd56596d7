"""Standard output and --json files: tables and documents, and what can go wrong with writing them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import ResultsError


def console() -> Any:
    """The terminal or pipe that tables go to."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would end with 1, which means that a gate failed

    return Output(highlight=False)


def put(show: Callable[[], object]) -> None:
    """Put something on stdout. Raises ResultsError where it cannot be written."""
    if sys.stdout is None:
        raise ResultsError("cannot write the output: standard output is closed")
    try:
        show()
        sys.stdout.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)  # else Python fails again when it ends
        os.dup2(nowhere, sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # whoever read our output has seen enough
            raise ResultsError(f"cannot write the output: {error.strerror}") from None


def check_target(target: str | None, option: str = "--json") -> None:
    """Raises ResultsError where `option` names what cannot be written: said before the work, not after."""
    if target is None or target == "-":
        return
    path = Path(target)
    place = path if path.exists() else path.parent
    if path.is_dir() or not os.access(place, os.W_OK):
        why = "a folder" if path.is_dir() else "not writable" if place.exists() else "its folder is missing"
        raise ResultsError(f"cannot write {option} {target}: {why}")


def write_json(document: Mapping[str, Any], target: str) -> None:
    """The document as JSON to stdout ("-") or a file. Raises ResultsError."""
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    if target == "-":
        put(lambda: sys.stdout.write(text))
        return
    try:
        Path(target).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"cannot write --json {target}: {error.strerror}") from None


def write_text(text: str, option: str, path: Path) -> None:
    """Text to a file that `option` names. Raises ResultsError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"cannot write {option} {path}: {error.strerror}") from None
