"""`qbench list`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import JsonFile, Results, Since, Until, WithTag, read_tag_filter
from harness.report import output

EXAMPLE = "Example: qbench list --device pi4 --tag release --since 2026-11-01"
SHOWN = 20  # runs, without --limit


def list_runs(
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="MODEL", help="Only runs of this model. Repeatable."),
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option("--device", "-d", metavar="DEVICE", help="Only runs on this device. Repeatable."),
    ] = None,
    tag: WithTag = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help=f"The N newest. Default: {SHOWN}, with --json all."),
    ] = None,
    results: Results = Path("results"),
    json_file: JsonFile = None,
) -> None:
    """List the stored runs, the newest first."""
    from harness.report.runs import as_json, note_skipped, render
    from harness.session.indexing import list_runs as stored
    from harness.session.moments import read_moment
    from harness.store.index import RunFilter

    wanted = RunFilter(
        models=tuple(model or ()),
        devices=tuple(device or ()),
        tags=read_tag_filter(tag or []),
        since=read_moment("--since", since),
        until=read_moment("--until", until, end=True),
    )
    most = SHOWN if limit is None and json_file is None else limit
    runs, count, skipped = stored(results, wanted, output.say, most)
    for line in note_skipped(skipped, results):
        output.say(line)
    if json_file is not None:
        output.write_json(as_json(runs, results), json_file)
    elif runs:
        output.put(lambda: render(runs, count, output.console()))
    else:
        output.say(f"no runs in {results}" + ("" if wanted == RunFilter() else " that are asked for"))
