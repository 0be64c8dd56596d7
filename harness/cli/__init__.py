"""The qbench command: every error becomes one line of text and an exit code here."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from harness import __version__
from harness.cli import compare, compat, devices, history, inspect, prune, quantize, run, show, site, streams
from harness.cli import list as list_
from harness.cli.ending import INTERRUPTED
from harness.errors import QbenchError
from harness.report import output
from harness.report.figures import printable

INTERNAL = 70  # EX_SOFTWARE of sysexits.h: a bug in qbench

app = typer.Typer(
    name="qbench",
    help="Which post-training quantization variant, on which delegate, on which device,"
    " and what does it buy me?",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: qbench run --model model.keras --calibration samples.npz",
)


def main() -> None:
    """Run the `qbench` command and exit."""
    streams.prepare()
    for number in (
        signal.SIGTERM,
        signal.SIGHUP,
    ):  # like Ctrl-C: children are ended, temporary folders removed
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        code = app(prog_name="qbench", standalone_mode=False)
        sys.stdout.flush()
    except QbenchError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        _fail_unexpected(error)
    if code == INTERRUPTED:
        _fail("interrupted", INTERRUPTED)
    sys.exit(code)


def _fail_unexpected(error: Exception) -> NoReturn:
    """Exit with one line about a usage error, an error of the operating system, or a bug in qbench."""
    if os.environ.get("QBENCH_DEBUG"):
        sys.stderr.write(printable(traceback.format_exc()))
    if hasattr(error, "format_message"):  # click's UsageError; which copy of click Typer uses varies
        context = getattr(error, "ctx", None)  # missing where an option lacks its value
        named = [command for command in COMMANDS if command in sys.argv[1:2]]
        command = context.command_path if context else " ".join(["qbench", *named])
        _fail(f"{error.format_message().rstrip('.')}; see {command} --help", QbenchError.exit_code)
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{error.filename}: "
        _fail(f"{where}{error.strerror}", QbenchError.exit_code)
    _fail(f"internal error: {error!r}; this is a bug: set QBENCH_DEBUG=1 for a traceback", INTERNAL)


def _fail(message: str, code: int) -> NoReturn:
    output.say(message)
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
    """Show the help if no command is given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(QbenchError.exit_code)


COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "run": (run.run, run.EXAMPLE),
    "show": (show.show, show.EXAMPLE),
    "compare": (compare.compare, compare.EXAMPLE),
    "list": (list_.list_runs, list_.EXAMPLE),
    "site": (site.site, site.EXAMPLE),
    "history": (history.history, history.EXAMPLE),
    "prune": (prune.prune, prune.EXAMPLE),
    "quantize": (quantize.quantize, quantize.EXAMPLE),
    "devices": (devices.devices, devices.EXAMPLE),
    "inspect": (inspect.inspect, inspect.EXAMPLE),
    "compat": (compat.compat, compat.EXAMPLE),
}
for name, (function, example) in COMMANDS.items():
    app.command(name, epilog=example)(function)
