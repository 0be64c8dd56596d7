"""The qbench command: parse, call, print; the one place that turns errors into text and exit codes."""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness import __version__
from harness.errors import ConfigError, QbenchError, ResultsError

if TYPE_CHECKING:
    from harness.config import Config

INTERRUPTED = 130
INTERNAL = 70  # EX_SOFTWARE of sysexits.h: a bug of ours

app = typer.Typer(
    name="qbench",
    help="Which post-training quantization variant, on which delegate, on which device,"
    " and what does it buy me?",
    no_args_is_help=True,
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
    try:
        app()
    except QbenchError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        os._exit(0)  # whoever read our output has seen enough
    except Exception as error:
        if os.environ.get("QBENCH_DEBUG"):
            traceback.print_exc()
        _fail(f"internal error: {error!r}; this is a bug, QBENCH_DEBUG=1 shows where", INTERNAL)


def _fail(message: str, code: int) -> None:
    sys.stderr.write("qbench: " + " ".join(message.split()) + "\n")
    sys.exit(code)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qbench {__version__}")
        raise typer.Exit


@app.callback()
def qbench(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


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
    budget: Annotated[float, typer.Option(min=0.01, help="Seconds of timed work per cell, at most.")] = 1.0,
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
    with ProgressBar(quiet) as progress:
        outcome = job.run(options, config, progress)
    if json_file is not None:
        _write_json(outcome.document, json_file)
    if json_file != "-":
        _print_table(outcome.document, outcome.folder)
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
        _write_json(document, json_file)
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
    failed = [failure for made in sets for failure in made.failed]
    for path in [path for made in sets for path in export_variants(made, out)]:
        typer.echo(path)
    for failure in failed:
        typer.echo(f"qbench: {failure.model} {failure.name}: {failure.reason}", err=True)
    raise typer.Exit(3 if failed else 0)


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
        _write_json(found, json_file)
    else:
        render(found, _console())


def _config(devices_file: Path | None) -> Config:
    from harness.config import find_devices_file, load_config

    return load_config(find_devices_file(devices_file, Path.cwd()))


def _stored(names: list[str], folder: Path, force: bool) -> dict[str, Any]:
    """The document of the latest run, of one, or pooled of several."""
    from harness.results import find, latest, load

    if len(names) < 2:
        return load(names[0], folder) if names else latest(folder)
    from harness.compare.pooling import Stored, pool

    return pool([Stored(load(name, folder), find(name, folder).parent) for name in names], force)


def _threads(text: str | None) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")] if text else []
    except ValueError:
        numbers = [0]
    if any(number < 1 for number in numbers):
        raise ConfigError(f"--threads {text}: whole numbers above 0 expected, for example 4 or 1,2,4")
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


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


def _print_table(document: dict[str, Any], folder: Path | None) -> None:
    from harness.report.table import render

    render(document, _console(), folder)


def _write_json(document: dict[str, Any], target: str) -> None:
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        Path(target).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"cannot write --json {target}: {error.strerror}") from None
