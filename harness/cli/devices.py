"""`qbench devices`."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.ending import end
from harness.cli.options import DevicesFile, JsonFile
from harness.errors import ConfigError
from harness.report import output

EXAMPLE = "Example: qbench devices --probe"


def devices(
    name: Annotated[
        list[str] | None, typer.Argument(metavar="DEVICE", help="Only these profiles. Default: all.")
    ] = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Connect to them and show what is really there.")
    ] = False,
    clean: Annotated[
        str | None, typer.Option("--clean", metavar="DEVICE", help="Remove what qbench keeps on this board.")
    ] = None,
    devices_file: DevicesFile = None,
    json_file: JsonFile = None,
) -> None:
    """List the device profiles, and with --probe what is behind them."""
    from harness.devices import listing
    from harness.report.devices import render
    from harness.report.progress import ProgressBar
    from harness.session.devices import list_devices, unreached
    from harness.session.settings import read_config

    if clean is not None and (name or probe or json_file):
        raise ConfigError("--clean DEVICE cannot be combined with other devices, --probe or --json")
    config = read_config(devices_file)
    with ProgressBar(quiet=False) as progress:
        if clean is not None:
            removed = listing.clean(config, clean, progress.note)
            output.say(f"{clean}: removed {removed.files} files, {removed.bytes} bytes")
            return
        listed = list_devices(config, name or [], probe=probe, note=progress.note)
    problems = output.problems(
        lambda: (
            render(listed, output.console()) if json_file is None else output.write_json(listed, json_file)
        )
    )
    end(4 if unreached(listed) else 0, problems)
