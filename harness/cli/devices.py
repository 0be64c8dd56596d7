"""`qbench devices`."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.ending import end
from harness.cli.options import DevicesFile, JsonFile, read_config
from harness.errors import ConfigError
from harness.report import output

EXAMPLE = "Example: qbench devices --probe"


def devices(
    name: Annotated[
        list[str] | None, typer.Argument(metavar="[DEVICE]...", help="Only these. Default: all.")
    ] = None,
    probe: Annotated[bool, typer.Option("--probe", help="Connect and look what is really there.")] = False,
    clean: Annotated[
        str | None, typer.Option("--clean", metavar="DEVICE", help="Empty the cache on this board.")
    ] = None,
    devices_file: DevicesFile = None,
    json_file: JsonFile = None,
) -> None:
    """List the device profiles."""
    from harness import devices as listing
    from harness.report.devices import render
    from harness.report.progress import ProgressBar

    if clean is not None and (name or probe or json_file):
        raise ConfigError("--clean takes one device, and nothing else beside it")
    config = read_config(devices_file)
    with ProgressBar(quiet=False) as progress:
        if clean is not None:
            gone = listing.clean(config, clean, progress.note)
            output.say(f"{clean}: removed {gone['files']} files, {gone['bytes']} bytes")
            return
        found = listing.describe(config, name or [], probe, progress.note)
    problems = output.problems(
        lambda: render(found, output.console()) if json_file is None else output.write_json(found, json_file)
    )
    end(4 if any(device.get("problem") for device in found["devices"]) else 0, problems)
