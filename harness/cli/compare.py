"""`qbench compare`."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.ending import end
from harness.cli.options import Results, read_percent
from harness.report import output

if TYPE_CHECKING:
    from harness.record.comparison import Comparison

EXAMPLE = "Example: qbench compare results/main latest --fail-over 5% --format markdown"
FAILED = 1  # the exit code of a failed gate
_MOST = 100  # a gate's limit as a fraction: what is worse by more has other problems


class Format(StrEnum):
    """The formats of `--format`."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"
    JUNIT = "junit"


class CompareBy(StrEnum):
    """What times are compared by."""

    BOTH = "both"
    LATENCY = "latency"
    SPEEDUP = "speedup"


class Undecided(StrEnum):
    """What a gate does that the data can't decide."""

    WARN = "warn"
    FAIL = "fail"


_RUN = "Run id, folder or run.json, as for qbench show. Several joined by + are pooled."


def _gate(option: str, what: str) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(option, metavar="N%", help=f"Fail where {what}.")
    return info


def compare(
    base: Annotated[str, typer.Argument(metavar="BASE", help=f"The run to compare with. {_RUN}")],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="The run that is compared with it.")],
    within: Annotated[
        str, typer.Option(metavar="N%", help="Times that differ by no more count as the same.")
    ] = "2%",
    by: Annotated[
        CompareBy,
        typer.Option(
            help="Compare times as measured (latency), relative to a baseline that is the same in both runs"
            " (speedup), or by intervals that span both.",
        ),
    ] = CompareBy.BOTH,
    fail_over: Annotated[str | None, _gate("--fail-over", "an inference takes over N% longer")] = None,
    fail_size: Annotated[str | None, _gate("--fail-size", "a file is over N% larger")] = None,
    fail_memory: Annotated[str | None, _gate("--fail-memory", "the peak memory is over N% more")] = None,
    fail_accuracy: Annotated[
        str | None,
        _gate("--fail-accuracy", "over N% more of the samples are wrong, or an error is over N% larger"),
    ] = None,
    fail_ops: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Fail where over N more ops stay on the CPU.")
    ] = None,
    undecided: Annotated[
        Undecided, typer.Option(help="What to do about a gate that the data can't decide.")
    ] = Undecided.WARN,
    shown: Annotated[
        Format, typer.Option("--format", help="What to write to standard output.")
    ] = Format.TABLE,
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="FILE|-", help="Write the comparison as JSON, too; - is --format json."
        ),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write it as Markdown, too.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write it as a JUnit file, too.")
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Compare two runs cell by cell, and fail if one got worse.

    A gate fails only where the whole interval is beyond its limit. Exit code 1: a gate failed.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy would start threads that nothing here needs
    from harness.record.comparison import Limits
    from harness.report import gate_lines
    from harness.session.comparing import compare_stored

    limits = Limits(
        within=read_percent("--within", within),
        by=by.value,
        latency=_limit("--fail-over", fail_over),
        size=_limit("--fail-size", fail_size),
        memory=_limit("--fail-memory", fail_memory),
        accuracy=_limit("--fail-accuracy", fail_accuracy),
        ops=fail_ops,
        undecided=undecided.value,
    )
    for option, path in (("--markdown", markdown), ("--junit", junit), ("--json", json_file)):
        output.check_target(None if path is None else str(path), option)
    if json_file == "-":
        shown, json_file = Format.JSON, None
    found = compare_stored(base, head, results, limits, output.say)
    problems = output.problems(
        _writer(found, shown),
        *(
            _file(found, kind, option, path)
            for kind, option, path in (
                (Format.JSON, "--json", None if json_file is None else Path(json_file)),
                (Format.MARKDOWN, "--markdown", markdown),
                (Format.JUNIT, "--junit", junit),
            )
            if path is not None
        ),
    )
    for line in gate_lines.failures(found):
        output.say(f"failed: {line}")
    for line in gate_lines.undecided(found):
        output.say(f"can't tell: {line}")
    end(FAILED if found.failed else 0, problems)


def _limit(option: str, text: str | None) -> float | None:
    return None if text is None else read_percent(option, text, below=_MOST)


def _text(found: Comparison, kind: Format) -> str:
    from harness.report import comparison_markdown, junit

    return junit.render(found) if kind is Format.JUNIT else comparison_markdown.render(found)


def _writer(found: Comparison, kind: Format) -> Callable[[], object]:
    """Return what writes the comparison to standard output."""
    if kind is Format.JSON:
        return lambda: output.write_json(found, "-")
    if kind is Format.TABLE:
        from harness.report.comparison import render

        return lambda: render(found, output.console())
    return lambda: output.put_text(_text(found, kind))


def _file(found: Comparison, kind: Format, option: str, path: Path) -> Callable[[], object]:
    """Return what writes the comparison to a file."""
    if kind is Format.JSON:
        return lambda: output.write_json(found, str(path))
    return lambda: output.write_text(_text(found, kind), option, path)
