"""`qbench run`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from delegates.wire import DEFAULT_ACCURACY_PRECISION, DEFAULT_BUDGET_S, DEFAULT_PRECISION
from harness.cli import gates
from harness.cli.ending import INTERRUPTED, end, first_of
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
    read_percent,
    read_tags,
    read_threads,
)
from harness.errors import ConfigError, DeviceError
from harness.report import output
from harness.session.options import LONGEST_BUDGET_S, SHORTEST_BUDGET_S, Options

if TYPE_CHECKING:
    from harness.config import Config
    from harness.session.resuming import Resumed

EXAMPLE = "Example: qbench run --model model.keras --device xnnpack --calibration samples.npz"


def run(
    context: typer.Context,
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
    against: Annotated[
        str | None,
        typer.Option(
            metavar="REV|DIR|FILE|python=PATH",
            help="Measure another side in the same turns, and compare: the models of a git revision or of"
            " another folder, another model, or the same on another Python (python=PATH) or runtime"
            " (runtime=NAME).",
        ),
    ] = None,
    within: gates.Within = None,
    fail_over: gates.FailOver = None,
    fail_size: gates.FailSize = None,
    fail_memory: gates.FailMemory = None,
    fail_accuracy: gates.FailAccuracy = None,
    fail_ops: gates.FailOps = None,
    undecided: gates.OnUndecided = None,
    markdown: gates.Markdown = None,
    junit: gates.Junit = None,
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
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Measure what this run lacks because it was cut short, with its options, and show both"
            " together.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only list what would be measured, what not and why, and about how long it would take.",
        ),
    ] = False,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="Store this with the run, for `qbench list --tag`. Repeatable."
        ),
    ] = None,
    trust_model: TrustModel = False,
    batch: Batch = 1,
    shape: Shape = None,
    signature: Signature = None,
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
    """Measure a model's variants on devices and store the run.

    With --against, another side is measured with them, and the gates (--fail-…) make it fail with exit code 1
    if this one got worse.
    """
    from harness.analysis import exit_code
    from harness.analysis.comparison import compare_sides
    from harness.report.progress import ProgressBar
    from harness.report.table import render
    from harness.session import run as session
    from harness.session.asked import options_of
    from harness.session.resuming import find_resumed
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
        devices_file=None if devices_file is None else str(devices_file),
        baseline=baseline,
        batch=batch,
        shapes=shape or [],
        signatures=signature or [],
        budget_s=budget,
        precision=read_percent("--precision", precision),
        wait_s=wait,
        results=results,
        tags=read_tags(tag or []),
        against=against,
    )
    asked = (within, fail_over, fail_size, fail_memory, fail_accuracy, fail_ops, undecided)
    limits = gates.read_limits(*asked)
    if against is None and any(one is not None for one in (*asked, markdown, junit)):
        raise ConfigError(
            "gates, --within, --markdown and --junit need something to compare with: add --against, or use"
            " qbench compare"
        )
    for option, path in (("--markdown", markdown), ("--junit", junit), ("--json", json_file)):
        output.check_target(None if path is None else str(path), option)
    resumed = None
    if resume is not None:
        resumed = find_resumed(resume, results, output.say)
        if not resumed.lacks:
            _say_complete(resumed, options, dry_run, json_file)
        options = options_of(resumed.runs[0], options, _given(context))
    config = read_config(None if options.devices_file is None else Path(options.devices_file))
    if dry_run:
        _forecast(options, config, resumed, json_file, quiet)
    with ProgressBar(quiet) as progress:
        if resumed is not None:
            progress.note(f"run {resumed.run_id} lacks {len(resumed.lacks)} of {resumed.planned} cells")
        outcome = session.run(options, config, progress, resumed)
    document = outcome.document
    found = None if against is None else compare_sides(outcome.run, document, limits)
    shown: list[Callable[[], object]] = [lambda: render(document, output.console(), outcome.folder)]
    if found is not None:
        shown += [lambda: output.put_text("\n"), gates.writer(found, gates.Format.TABLE)]
    problems = output.problems(
        *([] if json_file == "-" else shown),
        None if json_file is None else lambda: output.write_json(document, json_file),
        *([] if found is None else gates.files(found, markdown, junit)),
    )
    if outcome.problem is not None:
        problems.append(outcome.problem)
    elif problems:
        problems[-1] += f"; the run is stored in {outcome.folder}"
    if found is not None:
        gates.say_outcome(found)
    failed = found is not None and found.failed
    code = INTERRUPTED if document.interrupted else exit_code(document)
    end(first_of(code, gates.FAILED if failed else 0), problems)


def _say_complete(resumed: Resumed, options: Options, dry_run: bool, json_file: str | None) -> NoReturn:
    """Say that a run lacks nothing, and exit with 0. --json gets what it holds, or an empty forecast."""
    from harness.session.forecast import nothing_left
    from harness.session.stored import shown_together

    output.say(f"run {resumed.run_id} lacks nothing")
    if json_file is not None:
        found = nothing_left(resumed, options) if dry_run else shown_together(resumed.runs, output.say)[1]
        output.write_json(found, json_file)
    raise typer.Exit(0)


def _forecast(
    options: Options, config: Config, resumed: Resumed | None, json_file: str | None, quiet: bool
) -> NoReturn:
    """Print what the run would do, and exit: with 4 if a device can't be reached, else 0."""
    from harness.report import forecast as report
    from harness.report.progress import ProgressBar
    from harness.session.forecast import forecast

    with ProgressBar(quiet) as progress:
        expected = forecast(options, config, progress, resumed)
    if json_file != "-":
        output.put(lambda: report.render(expected, output.console()))
    if json_file is not None:
        output.write_json(expected, json_file)
    raise typer.Exit(DeviceError.exit_code if any(device.problem for device in expected.devices) else 0)


_FIELDS = {
    "model": "models",
    "device": "devices",
    "variant": "variants",
    "delegate": "delegates",
    "budget": "budget_s",
    "shape": "shapes",
    "signature": "signatures",
}


def _given(context: typer.Context) -> set[str]:
    """Return the fields of Options that were given on the command line."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {
        _FIELDS.get(name, name)
        for name, source in sources.items()
        if source is not None and source.name == "COMMANDLINE"
    }
