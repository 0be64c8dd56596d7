"""`qbench quantize`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.ending import end
from harness.cli.options import (
    Batch,
    Calibration,
    DevicesFile,
    Models,
    Quiet,
    Shape,
    Signature,
    TrustModel,
    Variants,
    read_version,
)
from harness.record import Subject, subject
from harness.report import output

if TYPE_CHECKING:
    from harness.quantize import VariantSet

EXAMPLE = "Example: qbench quantize --model mobilenet_v2 --variant int8 --out variants/"


def quantize(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the .tflite files.")],
    model: Models = None,
    variant: Variants = None,
    calibration: Calibration = None,
    trust_model: TrustModel = False,
    batch: Batch = 1,
    shape: Shape = None,
    signature: Signature = None,
    for_runtime: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="Make files that this version of tflite-runtime loads, for example 2.14."
        ),
    ] = None,
    devices_file: DevicesFile = None,
    quiet: Quiet = False,
) -> None:
    """Make the variants, each with its provenance beside it."""
    from harness.quantize import export_variants
    from harness.report.progress import ProgressBar
    from harness.session.options import Options
    from harness.session.settings import read_config
    from harness.session.variants import make_all

    config = read_config(devices_file)
    options = Options(
        models=model or ["digits"],
        variants=variant or [],
        calibration=calibration,
        trust_model=trust_model,
        batch=batch,
        shapes=shape or [],
        signatures=signature or [],
    )
    with ProgressBar(quiet) as progress:
        sets = make_all(options, config, read_version(for_runtime), progress)
    paths = [path for made in sets for path in export_variants(made, out)]
    problems = output.problems(lambda: output.put_lines(paths))
    if not quiet:
        _print_warnings(sets)
    failed = [failure for made in sets for failure in made.failed]
    for failure in failed:
        output.say(f"{subject(failure)} {failure.name}: {failure.reason}")
    too_new = any(w.code == "too-new" for made in sets for one in made.variants for w in one.variant.warnings)
    end(3 if failed or too_new else 0, problems)


def _print_warnings(sets: Sequence[VariantSet]) -> None:
    """Print the variants' warnings, each sentence once per subject."""
    variants: dict[tuple[Subject, str], list[str]] = {}  # (subject, sentence) -> names
    for variant in (one.variant for made in sets for one in made.variants):
        for warning in variant.warnings:
            variants.setdefault((subject(variant), warning.message), []).append(variant.name)
    for (about, message), names in variants.items():
        output.say(f"{about} {', '.join(names)}: {message}")
