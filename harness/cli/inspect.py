"""`qbench inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.options import DevicesFile, JsonFile, TrustModel, read_config
from harness.report import output

if TYPE_CHECKING:
    from harness.tflite import ModelInfo

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
    trust_model: TrustModel = False,  # a .tflite holds no code
    devices_file: DevicesFile = None,
    json_file: JsonFile = None,
) -> None:
    """Show what is inside a .tflite, op by op."""
    from harness.analysis.compat.limits import needs
    from harness.report.inspection import render
    from harness.tflite import read_model_file
    from harness.tflite.describe import describe

    output.check_target(json_file)
    model = read_model_file(file)
    document = {
        "file": str(file),
        **describe(model),
        "needs": needs(model),
        "predictions": _predictions(model, device, devices_file),
    }
    if json_file is not None:
        output.write_json(document, json_file)
    else:
        output.put(lambda: render(document, output.console()))


def _predictions(
    model: ModelInfo, devices: list[str] | None, devices_file: Path | None
) -> list[dict[str, Any]]:
    """One per delegate and runtime of the profiles; nothing without a profile."""
    if not devices:
        return []
    from harness.analysis.compat import predictions
    from harness.analysis.compat.targets import target
    from harness.session import selection

    profiles = selection.devices(read_config(devices_file), selection.Options(devices=devices))
    return [found for profile in profiles for found in predictions(model, target(profile))]
