"""`qbench site`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import Quiet, Results
from harness.report import output

EXAMPLE = "Example: qbench site --out public --limit 100"
LIMIT = 200


def site(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write to; other files in it stay.")],
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="The most runs of a cell that are shown: its newest.")
    ] = LIMIT,
    samples: Annotated[
        bool, typer.Option("--samples", help="Copy the raw samples beside each run.json, too.")
    ] = False,
    results: Results = Path("results"),
    quiet: Quiet = False,
) -> None:
    """Write all stored runs as a page that needs no server.

    DIR gets index.html, data.json and the run.json of every run that is shown.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy would start threads that nothing here needs
    from harness.report.figures import plural
    from harness.report.runs import note_skipped
    from harness.report.site import data_json, render
    from harness.session.site import PAGE, Request, publish

    wanted = Request(results, out, limit, samples)
    made, skipped = publish(wanted, render, data_json, output.say)
    for line in note_skipped(skipped, results):
        output.say(line)
    if not quiet:
        output.say(f"{plural(len(made.cells), 'cell')} of {plural(len(made.runs), 'run')}")
    output.put_lines([out / PAGE])
