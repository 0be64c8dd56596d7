"""`qbench show`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import gates
from harness.cli.options import JsonFile, Results
from harness.report import output

EXAMPLE = "Example: qbench show --json -"


def show(
    which: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Run id (or how it begins), latest, latest~2, folder, run.json, git revision or branch."
            " Default: latest. Several are pooled: their launches count together, which narrows the"
            " intervals.",
        ),
    ] = None,
    results: Results = Path("results"),
    json_file: JsonFile = None,
    force: Annotated[
        bool, typer.Option("--force", help="Pool runs although they differ in what was measured.")
    ] = False,
) -> None:
    """Print a stored run's table again.

    Of a run with --against, print the comparison of its sides as well.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy would start threads that nothing here needs
    from harness.report.table import render
    from harness.session.comparing import compare_stored_sides
    from harness.session.stored import open_runs

    opened = open_runs(which or [], results, force=force, note=output.say)
    if json_file is not None:
        output.write_json(opened.document, json_file)
        return
    output.put(lambda: render(opened.document, output.console(), None))
    if (found := compare_stored_sides(opened)) is not None:
        output.put_text("\n")
        output.put(gates.writer(found, gates.Format.TABLE))
