"""`qbench devices`."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.options import DevicesFile, JsonFile, read_config
from harness.report import output

EXAMPLE = "Example: qbench devices --probe"


def devices(
    probe: Annotated[bool, typer.Option("--probe", help="Look what is really there.")] = False,
    devices_file: DevicesFile = None,
    json_file: JsonFile = None,
) -> None:
    """List the device profiles."""
    from harness import devices as listing
    from harness.report.devices import render

    config = read_config(devices_file)
    found = listing.describe(config, probe)
    if json_file is not None:
        output.write_json(found, json_file)
    else:
        output.put(lambda: render(found, output.console()))
