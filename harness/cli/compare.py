"""`qbench compare`."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import gates
from harness.cli.ending import end
from harness.cli.gates import Format
from harness.cli.options import Results
from harness.report import output

EXAMPLE = "Example: qbench compare results/main latest --fail-over 5% --format markdown"


class CompareBy(StrEnum):
    """What times are compared by."""

    BOTH = "both"
    LATENCY = "latency"
    SPEEDUP = "speedup"


_RUN = "Run id, folder or run.json, as for qbench show. Several joined by + are pooled."


def compare(
    base: Annotated[str, typer.Argument(metavar="BASE", help=f"The run to compare with. {_RUN}")],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="The run that is compared with it.")],
    within: gates.Within = None,
    by: Annotated[
        CompareBy,
        typer.Option(
            help="Compare times as measured (latency), relative to a baseline that is the same in both runs"
            " (speedup), or by intervals that span both.",
        ),
    ] = CompareBy.BOTH,
    fail_over: gates.FailOver = None,
    fail_size: gates.FailSize = None,
    fail_memory: gates.FailMemory = None,
    fail_accuracy: gates.FailAccuracy = None,
    fail_ops: gates.FailOps = None,
    undecided: gates.OnUndecided = None,
    shown: Annotated[
        Format, typer.Option("--format", help="What to write to standard output.")
    ] = Format.TABLE,
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="FILE|-", help="Write the comparison as JSON, too; - is --format json."
        ),
    ] = None,
    markdown: gates.Markdown = None,
    junit: gates.Junit = None,
    results: Results = Path("results"),
) -> None:
    """Compare two runs cell by cell, and fail if one got worse.

    A gate fails only where the whole interval is beyond its limit. Exit code 1: a gate failed.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy would start threads that nothing here needs
    from harness.session.comparing import compare_stored

    limits = gates.read_limits(
        within, fail_over, fail_size, fail_memory, fail_accuracy, fail_ops, undecided, by.value
    )
    for option, path in (("--markdown", markdown), ("--junit", junit), ("--json", json_file)):
        output.check_target(None if path is None else str(path), option)
    if json_file == "-":
        shown, json_file = Format.JSON, None
    found = compare_stored(base, head, results, limits, output.say)
    to_json = None if json_file is None else Path(json_file)
    problems = output.problems(gates.writer(found, shown), *gates.files(found, markdown, junit, to_json))
    gates.say_outcome(found)
    end(gates.FAILED if found.failed else 0, problems)
