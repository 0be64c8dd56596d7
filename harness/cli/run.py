"""`qbench run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegates.wire import DEFAULT_ACCURACY_PRECISION, DEFAULT_BUDGET_S, DEFAULT_PRECISION
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
    read_percent,
    read_tags,
    read_threads,
)
from harness.report import output
from harness.session.options import LONGEST_BUDGET_S, SHORTEST_BUDGET_S, Options

EXAMPLE = "Example: qbench run --model model.keras --device xnnpack --calibration samples.npz"


def run(
    model: Models = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device",
            "-d",
            metavar="DEVICE",
            help="A profile of devices.toml. Repeatable. Default: all local ones that can run here.",
        ),
    ] = None,
    variant: Variants = None,
    delegate: Annotated[
        list[str] | None,
        typer.Option(metavar="DELEGATE", help="Only this delegate of the profiles. Repeatable."),
    ] = None,
    calibration: Calibration = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Samples that outputs are compared on (SQNR), named as for --calibration. Default: some held"
            " back from calibration. With labels (a folder of class folders, an .npz with labels, (x, y) of a"
            " callable), the accuracy is measured, too.",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC",
            help="Of the accuracy: top1, top5, mse, mae or package.module:callable. Default: what fits.",
        ),
    ] = None,
    accuracy_precision: Annotated[
        str,
        typer.Option(
            metavar="N%",
            help="A slow device evaluates no more samples once the 95 % interval of the drop is no wider than"
            " this to either side; 0%: all samples.",
        ),
    ] = f"{100 * DEFAULT_ACCURACY_PRECISION:g}%",
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="VARIANT[/DELEGATE][@DEVICE]", help="The cell to compare with. Default: float32 on cpu."
        ),
    ] = None,
    budget: Annotated[
        float,
        typer.Option(
            min=SHORTEST_BUDGET_S,
            max=LONGEST_BUDGET_S,
            metavar="SECONDS",
            help="Timed work per cell, at most.",
        ),
    ] = DEFAULT_BUDGET_S,
    precision: Annotated[
        str,
        typer.Option(
            metavar="N%",
            help="Stop before the budget is spent where the speedup's 95 % interval is no wider than this to"
            " either side.",
        ),
    ] = f"{100 * DEFAULT_PRECISION:g}%",
    threads: Annotated[
        str | None,
        typer.Option(metavar="N[,N…]", help="Thread counts to measure, instead of those of the profiles."),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Longest wait for a machine that another run measures on. Default: for ever.",
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="Store this with the run, for `qbench list --tag`. Repeatable."
        ),
    ] = None,
    trust_model: TrustModel = False,
    batch: Batch = 1,
    devices_file: DevicesFile = None,
    results: Results = Path("results"),
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json",
            metavar="FILE|-",
            help="Write the result document as JSON, too; - writes it to stdout instead of the table.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Measure a model's variants on devices and store the run."""
    from harness.analysis import exit_code
    from harness.report.progress import ProgressBar
    from harness.report.table import render
    from harness.session import run as session
    from harness.session.settings import read_config

    options = Options(
        models=model or ["digits"],
        devices=device or [],
        variants=variant or [],
        delegates=delegate or [],
        threads=read_threads(threads),
        calibration=calibration,
        dataset=dataset,
        metric=metric,
        accuracy_precision=read_percent("--accuracy-precision", accuracy_precision),
        trust_model=trust_model,
        baseline=baseline,
        batch=batch,
        budget_s=budget,
        precision=read_percent("--precision", precision),
        wait_s=wait,
        results=results,
        tags=read_tags(tag or []),
    )
    config = read_config(devices_file)
    output.check_target(json_file)
    with ProgressBar(quiet) as progress:
        outcome = session.run(options, config, progress)
    document = outcome.document
    problems = output.problems(
        None if json_file == "-" else lambda: render(document, output.console(), outcome.folder),
        None if json_file is None else lambda: output.write_json(document, json_file),
    )
    if outcome.problem is not None:
        problems.append(outcome.problem)
    elif problems:
        problems[-1] += f"; the run is stored in {outcome.folder}"
    end(INTERRUPTED if document.interrupted else exit_code(document), problems)
