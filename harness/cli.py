"""The qbench command: parse, call, print; the one place that turns errors into text and exit codes."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from harness import __version__
from harness.errors import ConfigError, QbenchError, ResultsError
from harness.report import output

if TYPE_CHECKING:
    from harness.config import Config
    from harness.quantize import VariantSet

INTERRUPTED = 130
INTERNAL = 70  # EX_SOFTWARE of sysexits.h: a bug of ours
LONGEST_BUDGET_S = 86_400.0  # a day per cell

app = typer.Typer(
    name="qbench",
    help="Which post-training quantization variant, on which delegate, on which device,"
    " and what does it buy me?",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        help="Keras file, SavedModel folder, package.module:callable, .tflite file, folder of .tflite files,"
        " or a built-in name (digits, mobilenet_v2, …). Repeatable. Default: digits.",
    ),
]
Variants = Annotated[
    list[str] | None,
    typer.Option("--variant", "-v", help="Only this variant. Repeatable. Default: all."),
]
Calibration = Annotated[
    str | None,
    typer.Option(
        help="Representative data: .npy, .npz, a folder of images, package.module:callable, or generate."
    ),
]
Batch = Annotated[int, typer.Option(min=1, help="Batch size that input shapes are fixed to.")]
DevicesFile = Annotated[
    Path | None,
    typer.Option("--devices-file", help="Default: devices.toml from here upwards, else the shipped one."),
]
Results = Annotated[Path, typer.Option("--results", help="Folder of stored runs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


def main() -> None:
    """Entry point of the `qbench` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no ★ still gets its table
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: children end, temporary folders go
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        code = app(prog_name="qbench", standalone_mode=False)
    except QbenchError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        _fail_unforeseen(error)
    if code == INTERRUPTED:
        _fail("interrupted", INTERRUPTED)
    sys.exit(code)


def _fail_unforeseen(error: Exception) -> NoReturn:
    """Typer's complaints about usage, what the operating system refused, and bugs of ours."""
    if os.environ.get("QBENCH_DEBUG"):
        traceback.print_exc()
    if hasattr(error, "format_message"):  # click's UsageError; which copy of click Typer uses varies
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "qbench"
        _fail(f"{error.format_message().rstrip('.')}; see {command} --help", QbenchError.exit_code)
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{error.filename}: "
        _fail(f"{where}{error.strerror}", QbenchError.exit_code)
    _fail(f"internal error: {error!r}; this is a bug, QBENCH_DEBUG=1 shows where", INTERNAL)


def _fail(message: str, code: int) -> NoReturn:
    sys.stderr.write("qbench: " + " ".join(message.split()) + "\n")
    sys.exit(code)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qbench {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def qbench(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(QbenchError.exit_code)


@app.command(epilog="Example: qbench run --model model.keras --device xnnpack --calibration samples.npz")
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

    options = choose.Options(
        models=model or ["digits"],
        devices=device or [],
        variants=variant or [],
        delegates=delegate or [],
        threads=_threads(threads),
        calibration=calibration,
        baseline=baseline,
        batch=batch,
        budget_s=budget,
        precision=_percent("--precision", precision),
        results=results,
    )
    config = _config(devices_file)
    output.check_target(json_file)
    with ProgressBar(quiet) as progress:
        outcome = job.run(options, config, progress)
    if json_file != "-":
        _print_table(outcome.document, outcome.folder)
    if json_file is not None:
        output.write_json(outcome.document, json_file)
    if outcome.problem is not None:
        raise ResultsError(outcome.problem)
    raise typer.Exit(INTERRUPTED if outcome.document["interrupted"] else exit_code(outcome.document))


@app.command(epilog="Example: qbench show --json -")
def show(
    which: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Run id, folder or run.json. Default: the latest. Several are pooled: their launches count"
            " together, which narrows the intervals.",
        ),
    ] = None,
    results: Results = Path("results"),
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the result document instead.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Pool runs even if they are not of the same thing.")
    ] = False,
) -> None:
    """Print a stored run's table again."""
    document = _stored(which or [], results, force)
    if json_file is not None:
        output.write_json(document, json_file)
    else:
        _print_table(document, None)


@app.command(epilog="Example: qbench quantize --model mobilenet_v2 --variant int8 --out variants/")
def quantize(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the .tflite files.")],
    model: Models = None,
    variant: Variants = None,
    calibration: Calibration = None,
    batch: Batch = 1,
    for_runtime: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="Make them so that this tflite-runtime, for example 2.14, loads them."
        ),
    ] = None,
    devices_file: DevicesFile = None,
    quiet: Quiet = False,
) -> None:
    """Only make the variants, with where they come from in a .json beside each."""
    from harness import choose
    from harness import run as job
    from harness.quantize import export_variants
    from harness.report.progress import ProgressBar

    config = _config(devices_file)
    options = choose.Options(
        models=model or ["digits"], variants=variant or [], calibration=calibration, batch=batch
    )
    with ProgressBar(quiet) as progress:
        sets = job.make_all(options, config, _runtime_version(for_runtime), progress)
    paths = [path for made in sets for path in export_variants(made, out)]
    output.put(lambda: typer.echo("".join(f"{path}\n" for path in paths), nl=False))
    if not quiet:
        _tell_warnings(sets)
    failed = [failure for made in sets for failure in made.failed]
    for failure in failed:
        typer.echo(f"qbench: {failure.model} {failure.name}: {failure.reason}", err=True)
    too_new = any(code == "too-new" for made in sets for v in made.variants for code, _ in v.warnings)
    raise typer.Exit(3 if failed or too_new else 0)


@app.command(epilog="Example: qbench devices --probe")
def devices(
    probe: Annotated[bool, typer.Option("--probe", help="Look what is really there.")] = False,
    devices_file: DevicesFile = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write as JSON instead.")
    ] = None,
) -> None:
    """List the device profiles."""
    from harness import devices as listing
    from harness.report.devices import render

    config = _config(devices_file)
    found = listing.describe(config, probe)
    if json_file is not None:
        output.write_json(found, json_file)
    else:
        output.put(lambda: render(found, output.console()))


def _config(devices_file: Path | None) -> Config:
    from harness.config import find_devices_file, load_config

    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise ConfigError("the working directory no longer exists; change to another one") from None
    return load_config(find_devices_file(devices_file, here))


def _stored(names: list[str], folder: Path, force: bool) -> dict[str, Any]:
    """The document of the latest run, of one, or pooled of several."""
    from harness.results import find, latest, load

    if len(names) < 2:
        return load(names[0], folder) if names else latest(folder)
    from harness.compare.pooling import Stored, pool

    return pool([Stored(load(name, folder), find(name, folder).parent) for name in names], force)


def _threads(text: str | None) -> list[int]:
    from harness.config import MOST_THREADS

    try:
        numbers = [] if text is None else [int(part) for part in text.split(",")]
    except ValueError:
        numbers = [0]
    if any(not 0 < number <= MOST_THREADS for number in numbers):
        raise ConfigError(
            f"--threads {text}: whole numbers from 1 to {MOST_THREADS} expected, for example 4 or 1,2,4"
        )
    return numbers


def _percent(option: str, text: str) -> float:
    """A part of one from "1%" or "1" or "0.5 %". Raises ConfigError."""
    try:
        part = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        part = -1.0
    if not 0 <= part < 1:
        raise ConfigError(f"{option} {text}: a percentage from 0% to below 100% expected, for example 1%")
    return part


def _runtime_version(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = text.split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts[:2]):
        raise ConfigError(f"--for-runtime {text}: a version expected, for example 2.14")
    return int(parts[0]), int(parts[1])


def _tell_warnings(sets: Sequence[VariantSet]) -> None:
    """What has to be said of the variants, each sentence once per model."""
    said: dict[tuple[str, str], list[str]] = {}
    for variant in (variant for made in sets for variant in made.variants):
        for _, message in variant.warnings:
            said.setdefault((variant.model, message), []).append(variant.name)
    for (model, message), names in said.items():
        typer.echo(f"qbench: {model} {', '.join(names)}: {message}", err=True)


def _print_table(document: dict[str, Any], folder: Path | None) -> None:
    from harness.report.table import render

    output.put(lambda: render(document, output.console(), folder))
