"""`qbench compat`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.ending import end
from harness.cli.options import (
    Batch,
    Calibration,
    DevicesFile,
    Models,
    Quiet,
    Results,
    Shape,
    Signature,
    TrustModel,
    Variants,
)
from harness.report import output

EXAMPLE = "Example: qbench compat --model model.keras --device coral --html report.html"


def compat(
    model: Models = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device",
            "-d",
            metavar="DEVICE",
            help="A profile of devices.toml. Repeatable. Default: all local ones.",
        ),
    ] = None,
    variant: Variants = None,
    calibration: Calibration = None,
    trust_model: TrustModel = False,
    batch: Batch = 1,
    shape: Shape = None,
    signature: Signature = None,
    devices_file: DevicesFile = None,
    results: Results = Path("results"),
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write the report as Markdown, too.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as one HTML page, too.")
    ] = None,
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json",
            metavar="FILE|-",
            help="Write the report as JSON, too; - writes it to stdout instead of the tables.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Say what to ship on each device.

    Predicts which ops each delegate will take, and gives a reason and, if one is known, a remedy for every op
    that it leaves. Needs no hardware. What stored runs have observed of the same cells beats the predictions.
    """
    from harness.report import compat as terminal
    from harness.report import compat_html, compat_markdown
    from harness.report.progress import ProgressBar
    from harness.session.compat import compat as predict
    from harness.session.options import Options
    from harness.session.settings import read_config

    for option, path in (("--markdown", markdown), ("--html", html), ("--json", json_file)):
        output.check_target(None if path is None else str(path), option)
    options = Options(
        models=model or ["digits"],
        devices=device or [],
        variants=variant or [],
        calibration=calibration,
        trust_model=trust_model,
        batch=batch,
        shapes=shape or [],
        signatures=signature or [],
        results=results,
    )
    config = read_config(devices_file)
    with ProgressBar(quiet) as progress:
        document = predict(options, config, progress)
    problems = output.problems(
        None if json_file == "-" else lambda: terminal.render(document, output.console()),
        None if json_file is None else lambda: output.write_json(document, json_file),
        None
        if markdown is None
        else lambda: output.write_text(compat_markdown.render(document), "--markdown", markdown),
        None if html is None else lambda: output.write_text(compat_html.render(document), "--html", html),
    )
    end(3 if document.failed else 0, problems)
