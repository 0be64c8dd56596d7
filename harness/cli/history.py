"""`qbench history`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import (
    JsonFile,
    Results,
    Since,
    Until,
    WithTag,
    read_percent,
    read_tag_filter,
    read_threads,
)
from harness.errors import ConfigError
from harness.record.history import FIGURES
from harness.report import output

EXAMPLE = "Example: qbench history --model kws --variant int8 --device pi4 --figure speedup"

ShownFigure = StrEnum("ShownFigure", {name.upper(): name for name in FIGURES})  # type: ignore[misc]


def _only(what: str) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(
        f"--{what}", f"-{what[0]}", metavar=what.upper(), help=f"Only this {what}. Repeatable."
    )
    return info


def history(
    model: Annotated[list[str] | None, _only("model")] = None,
    variant: Annotated[list[str] | None, _only("variant")] = None,
    device: Annotated[list[str] | None, _only("device")] = None,
    delegate: Annotated[
        list[str] | None, typer.Option(metavar="DELEGATE", help="Only this delegate. Repeatable.")
    ] = None,
    threads: Annotated[
        str | None, typer.Option(metavar="N[,N…]", help="Only these numbers of threads.")
    ] = None,
    shape: Annotated[
        list[str] | None, typer.Option(metavar="NAME=1x96x96x3", help="Only this shape. Repeatable.")
    ] = None,
    signature: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this signature. Repeatable.")
    ] = None,
    since: Since = None,
    until: Until = None,
    tag: WithTag = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="The N newest runs. Default: 200, with --csv or --since all."),
    ] = None,
    figure: Annotated[ShownFigure, typer.Option(help="What to show of each cell.")] = ShownFigure.LATENCY,  # type: ignore[attr-defined]
    within: Annotated[
        str, typer.Option(metavar="N%", help="Levels that differ by no more are no step.")
    ] = "2%",
    by_revision: Annotated[
        bool,
        typer.Option("--by-revision", help="One point per git revision, in the order of the repository."),
    ] = False,
    csv_file: Annotated[
        str | None,
        typer.Option(
            "--csv",
            metavar="FILE|-",
            help="Write all figures as CSV, a line per run and cell, instead of a table.",
        ),
    ] = None,
    results: Results = Path("results"),
    json_file: JsonFile = None,
) -> None:
    """Draw each cell over the stored runs, with its steps.

    One or two cells are drawn large.
    """
    from harness.session.history import NEWEST, Asked, find
    from harness.session.history import history as read
    from harness.session.moments import read_moment
    from harness.store.index import CellFilter, RunFilter

    asked = Asked(
        runs=RunFilter(
            tags=read_tag_filter(tag or []),
            since=read_moment("--since", since),
            until=read_moment("--until", until, end=True),
        ),
        cells=CellFilter(
            models=tuple(model or ()),
            variants=tuple(variant or ()),
            devices=tuple(device or ()),
            delegates=tuple(delegate or ()),
            threads=tuple(read_threads(threads)),
            shapes=tuple(shape or ()),
            signatures=tuple(signature or ()),
        ),
        figure=figure.value,  # type: ignore[arg-type]
        within=read_percent("--within", within),
        limit=limit or (None if csv_file or since else NEWEST),
        by_revision=by_revision,
    )
    if csv_file == json_file == "-":
        raise ConfigError("--csv - and --json -: standard output holds one document; name a file for one")
    output.check_target(csv_file, "--csv")
    output.check_target(json_file, "--json")
    found = find(asked, results, output.say, others=csv_file is None or json_file is not None)
    if csv_file is not None:
        from harness.report import history_csv

        cells = [*filter(asked.cells.has, found.cells)]
        output.deliver_text(history_csv.render(found.runs, cells), "--csv", csv_file)
    if json_file is not None:
        output.write_json(read(asked, found, results, output.say), json_file)
    elif csv_file is None:
        from harness.report.history import render

        shown = read(asked, found, results, output.say)
        output.put(lambda: render(shown, output.console()))
