"""Write everything that qbench prints, and the files of --json, --markdown and --html.

Text is made printable on the way: names and messages come from files, boards and libraries, and may hold
terminal escapes, line feeds that forge lines, and rich's markup.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

import msgspec
from msgspec import Struct

from harness.errors import ResultsError
from harness.record.plain import JsonObject
from harness.report.figures import clean, printable


def console(*, stderr: bool = False, into: TextIO | None = None) -> Any:
    """Return a rich Console for standard output, standard error or a text. It interprets no markup."""
    from rich.console import Console
    from rich.segment import Segment
    from rich.text import Text

    class Cleaned(Console):
        def print(self, *objects: Any, **options: Any) -> None:
            super().print(*map(_one_line, objects), **options)

        def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else printable(text), style, control)

        def on_broken_pipe(self) -> None:
            """Leave it to the stream: rich would exit with 1, which stands for a failed gate."""

    def _one_line(thing: Any) -> Any:
        """Return a text without line feeds; anything else unchanged."""
        if isinstance(thing, str):
            return printable(thing.replace("\n", " "))
        if isinstance(thing, Text):
            thing = thing.copy()
            thing.plain = printable(thing.plain.replace("\n", " "))
        return thing

    styled = None if into is None else False
    return Cleaned(
        stderr=stderr, file=into, force_terminal=styled, highlight=False, markup=False, emoji=False
    )


def say(message: str) -> None:
    """Print one line for the user on standard error."""
    sys.stderr.write(f"qbench: {clean(message)}\n")
    sys.stderr.flush()


def put(show: Callable[[], object]) -> None:
    """Print something on standard output and flush it. Raises ResultsError if it can't be written."""
    show()
    sys.stdout.flush()


def put_lines(lines: Iterable[object]) -> None:
    """Print lines of data on standard output, unchanged for a program and made printable for a terminal."""
    shown = [clean(line) if sys.stdout.isatty() else str(line) for line in lines]
    put(lambda: sys.stdout.write("".join(f"{line}\n" for line in shown)))


def put_text(text: str) -> None:
    """Write a document to standard output unchanged. Raises ResultsError if it can't be written."""
    put(lambda: sys.stdout.write(text))


def problems(*deliveries: Callable[[], object] | None) -> list[str]:
    """Run every delivery, also after one has failed. Returns the messages of those that failed."""
    messages = []
    for deliver in deliveries:
        try:
            if deliver is not None:
                put(deliver)
        except ResultsError as error:
            messages.append(str(error))
    return messages


def check_target(target: str | None, option: str = "--json") -> None:
    """Raise ResultsError if the file that `option` names can't be written. Call it before long work."""
    if target is None or target == "-":
        return
    path = Path(target)
    existing = path if path.exists() else path.parent
    if path.is_dir() or not os.access(existing, os.W_OK):
        missing = "not writable" if existing.exists() else "its folder is missing"
        why = "a folder" if path.is_dir() else missing
        raise ResultsError(f"cannot write {option} {target}: {why}")


def write_json(document: Struct | JsonObject, target: str) -> None:
    """Write a document as JSON to stdout ("-") or a file. Raises ResultsError.

    The text is ASCII: stdout may have any encoding, and file names need not be valid UTF-8.
    """
    text = json.dumps(msgspec.to_builtins(document), indent=1, allow_nan=False) + "\n"
    deliver_text(text, "--json", target)


def deliver_text(text: str, option: str, target: str) -> None:
    """Write a document to stdout ("-") or to the file that `option` names. Raises ResultsError."""
    if target == "-":
        put_text(text)
    else:
        write_text(text, option, Path(target))


def write_text(text: str, option: str, path: Path) -> None:
    """Write a text to the file that `option` names. Raises ResultsError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"cannot write {option} {path}: {error.strerror}") from None
