"""`qbench inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import DevicesFile, JsonFile, Shape, Signature, TrustModel, one_point
from harness.report import output

if TYPE_CHECKING:
    from harness.config import DeviceProfile

EXAMPLE = "Example: qbench inspect model.tflite --device xnnpack"


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .tflite file.")],
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device",
            "-d",
            metavar="DEVICE",
            help="Add which ops the delegates of this profile will take, as predicted. Repeatable.",
        ),
    ] = None,
    trust_model: TrustModel = False,  # accepted but not needed: a .tflite holds no code
    shape: Shape = None,
    signature: Signature = None,
    devices_file: DevicesFile = None,
    json_file: JsonFile = None,
) -> None:
    """Show what is inside a .tflite, op by op."""
    from harness.report.inspection import render
    from harness.session import inspection

    output.check_target(json_file)
    result = inspection.inspect(file, _profiles(device, devices_file), *one_point(shape, signature))
    if json_file is not None:
        output.write_json(result.to_json(), json_file)
    else:
        output.put(lambda: render(result, output.console()))


def _profiles(names: list[str] | None, devices_file: Path | None) -> list[DeviceProfile]:
    """Return the named profiles. Without names, devices.toml is not read."""
    if not names:
        return []
    from harness.session import selection
    from harness.session.options import Options
    from harness.session.settings import read_config

    return selection.devices(read_config(devices_file), Options(devices=names))
