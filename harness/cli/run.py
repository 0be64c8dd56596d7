"""`qbench run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.ending import INTERRUPTED, end
from harness.cli.options import (
    Batch,
    Calibration,
    DevicesFile,
    Models,
    Quiet,
    Results,
    TrustModel,
    Variants,
    read_config,
    read_percent,
    read_threads,
)
from harness.report import output

EXAMPLE = "Example: qbench run --model model.keras --device xnnpack --calibration samples.npz"
LONGEST_BUDGET_S = 86_400.0  # a day per cell


def run(
    model: Models = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device", "-d", help="A profile of devices.toml. Repeatable. Default: all that run here."
        ),
    ] = None,
    variant: Variants = None,
    delegate: Annotated[
        list[str] | None,
        typer.Option(help="Only this delegate of the profiles. Repeatable."),
    ] = None,
    calibration: Calibration = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Samples that outputs are compared on (SQNR), named as for --calibration. Default: some held"
            " back from calibration.",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="VARIANT[/DELEGATE][@DEVICE]", help="Compare with this cell. Default: float32 on cpu."
        ),
    ] = None,
    budget: Annotated[
        float,
        typer.Option(min=0.01, max=LONGEST_BUDGET_S, help="Seconds of timed work per cell, at most."),
    ] = 1.0,
    precision: Annotated[
        str,
        typer.Option(
            metavar="N%",
            help="Enough once the speedup's 95 % interval is at most so wide to either side. The speedup"
            " compares the floor of each launch (fastest tenth of its quietest block), which a busy"
            " neighbour moves least; latency is the median and percentiles of all samples.",
        ),
    ] = "1%",
    threads: Annotated[
        str | None, typer.Option(metavar="N[,N…]", help="Instead of the profiles' threads.")
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="For a machine that another run measures on, at most. Default: for ever.",
        ),
    ] = None,
    trust_model: TrustModel = False,
    batch: Batch = 1,
    devices_file: DevicesFile = None,
    results: Results = Path("results"),
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="FILE|-", help="Write the result document; - is stdout, without table."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make the variants, time them on the devices, print the table and store the run."""
    from harness import choose
    from harness import run as job
    from harness.compare import exit_code
    from harness.report.progress import ProgressBar
    from harness.report.table import render

    options = choose.Options(
        models=model or ["digits"],
        devices=device or [],
        variants=variant or [],
        delegates=delegate or [],
        threads=read_threads(threads),
        calibration=calibration,
        dataset=dataset,
        trust_model=trust_model,
        baseline=baseline,
        batch=batch,
        budget_s=budget,
        precision=read_percent("--precision", precision),
        wait_s=wait,
        results=results,
    )
    config = read_config(devices_file)
    output.check_target(json_file)
    with ProgressBar(quiet) as progress:
        outcome = job.run(options, config, progress)
    document = outcome.document
    problems = output.problems(
        None if json_file == "-" else lambda: render(document, output.console(), outcome.folder),
        None if json_file is None else lambda: output.write_json(document, json_file),
    )
    if outcome.problem is not None:
        problems.append(outcome.problem)
    elif problems:
        problems[-1] += f"; the run is stored in {outcome.folder}"
    end(INTERRUPTED if document["interrupted"] else exit_code(document), problems)
