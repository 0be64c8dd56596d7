"""Options and output of the comparisons that `compare` and `run --against` share."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import read_percent
from harness.report import output

if TYPE_CHECKING:
    from harness.record.comparison import By, Comparison, Limits

FAILED = 1  # the exit code of a failed gate
WITHIN = "2%"
_MOST = 100  # a gate's limit as a fraction: what is worse by more has other problems


class Format(StrEnum):
    """The formats of `--format`."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"
    JUNIT = "junit"


class Undecided(StrEnum):
    """What a gate does that the data can't decide."""

    WARN = "warn"
    FAIL = "fail"


def _gate(option: str, what: str) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(option, metavar="N%", help=f"Fail where {what}.")
    return info


Within = Annotated[
    str | None,
    typer.Option(metavar="N%", help=f"Times that differ by no more count as the same.  [default: {WITHIN}]"),
]
FailOver = Annotated[str | None, _gate("--fail-over", "an inference takes over N% longer")]
FailSize = Annotated[str | None, _gate("--fail-size", "a file is over N% larger")]
FailMemory = Annotated[str | None, _gate("--fail-memory", "the peak memory is over N% more")]
FailAccuracy = Annotated[
    str | None,
    _gate("--fail-accuracy", "over N% more of the samples are wrong, or an error is over N% larger"),
]
FailOps = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Fail where over N more ops stay on the CPU.")
]
OnUndecided = Annotated[
    Undecided | None,
    typer.Option("--undecided", help="What to do about a gate that the data can't decide.  [default: warn]"),
]
Markdown = Annotated[
    Path | None,
    typer.Option("--markdown", metavar="FILE", help="Write the comparison as Markdown, too."),
]
Junit = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE", help="Write the comparison as a JUnit file, too.")
]


def read_limits(
    within: str | None,
    fail_over: str | None,
    fail_size: str | None,
    fail_memory: str | None,
    fail_accuracy: str | None,
    fail_ops: int | None,
    undecided: Undecided | None,
    by: By = "both",
) -> Limits:
    """Return what counts as the same, and the gates. Raises ConfigError."""
    from harness.record.comparison import Limits

    return Limits(
        within=read_percent("--within", within or WITHIN),
        by=by,
        latency=_limit("--fail-over", fail_over),
        size=_limit("--fail-size", fail_size),
        memory=_limit("--fail-memory", fail_memory),
        accuracy=_limit("--fail-accuracy", fail_accuracy),
        ops=fail_ops,
        undecided=(undecided or Undecided.WARN).value,
    )


def files(
    found: Comparison, markdown: Path | None, junit: Path | None, json_file: Path | None = None
) -> list[Callable[[], object]]:
    """Return what writes the comparison to the files asked for."""
    asked = (
        (Format.JSON, "--json", json_file),
        (Format.MARKDOWN, "--markdown", markdown),
        (Format.JUNIT, "--junit", junit),
    )
    return [_file(found, kind, option, path) for kind, option, path in asked if path is not None]


def writer(found: Comparison, kind: Format) -> Callable[[], object]:
    """Return what writes the comparison to standard output."""
    if kind is Format.JSON:
        return lambda: output.write_json(found, "-")
    if kind is Format.TABLE:
        from harness.report.comparison import render

        return lambda: render(found, output.console())
    return lambda: output.put_text(_text(found, kind))


def say_outcome(found: Comparison) -> None:
    """Print one line for each gate that a cell fails, or that can't be decided."""
    from harness.report.annotations import tell

    tell(found)


def _limit(option: str, text: str | None) -> float | None:
    return None if text is None else read_percent(option, text, below=_MOST)


def _text(found: Comparison, kind: Format) -> str:
    from harness.report import comparison_markdown, junit

    return junit.render(found) if kind is Format.JUNIT else comparison_markdown.render(found)


def _file(found: Comparison, kind: Format, option: str, path: Path) -> Callable[[], object]:
    """Return what writes the comparison to a file."""
    if kind is Format.JSON:
        return lambda: output.write_json(found, str(path))
    return lambda: output.write_text(_text(found, kind), option, path)
