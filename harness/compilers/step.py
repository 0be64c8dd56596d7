"""The step between plan and measuring: every edgetpu cell gets the compiled file of its variant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import cache
from harness.compilers import edgetpu
from harness.compilers.edgetpu import CUSTOM_OP, Compiled
from harness.config import SshTarget
from harness.errors import ModelError
from harness.inspect import read_model_file
from harness.quantize import Variant, VariantSet
from harness.results import Cell, Device

DELEGATE = "edgetpu"


def compile_cells(
    cells: Iterable[Cell],
    models: Iterable[VariantSet],
    devices: Iterable[Device],
    folder: Path,
    begun: Callable[[str], None],
) -> None:
    """Give the cells their `compiled` file, or the reason why there is none.

    A variant that is compiled already is taken as it is, and so is MODEL_edgetpu.tflite beside a ready
    MODEL.tflite. Where the device is missing nothing is compiled, but a missing compiler is named, too.
    `begun` is called with the name of each variant that has to be compiled.
    """
    variants = {(v.model, v.name): v for model in models for v in model.variants}
    options = {
        device.profile.name: spec.options
        for device in devices
        for spec in device.profile.delegates
        if spec.name == DELEGATE
    }
    for cell in cells:
        variant = variants.get((cell.model, cell.variant))
        if cell.delegate != DELEGATE or variant is None or cell.skipped or CUSTOM_OP in variant.custom_ops:
            continue
        cell.compiled = _ready(variant)
        if cell.compiled is None:
            _compile(cell, variant, options[cell.device], folder, begun)


def _compile(
    cell: Cell, variant: Variant, options: Mapping[str, Any], folder: Path, begun: Callable[[str], None]
) -> None:
    try:
        compiler = edgetpu.find(options.get("compiler"), _host(options))
    except ModelError as error:
        cell.unavailable = f"{cell.unavailable}; then {error}" if cell.unavailable else str(error)
        return
    if cell.unavailable:
        return
    begun(f"compiling {variant.model} {variant.name} for the Edge TPU")
    arguments: Sequence[str] = options.get("compiler_args", ())
    timeout_s = options.get("compiler_timeout", edgetpu.TIMEOUT_S)
    try:
        cell.compiled = edgetpu.compile_model(variant.path, compiler, folder, arguments, timeout_s)
    except ModelError as error:
        cell.refused = str(error)


def _host(options: Mapping[str, Any]) -> SshTarget | None:
    """Where the compiler is, if not here."""
    if "compiler_host" not in options:
        return None
    return SshTarget(
        options["compiler_host"],
        ssh_options=tuple(options.get("compiler_ssh_options", ())),
    )


def _ready(variant: Variant) -> Compiled | None:
    """MODEL_edgetpu.tflite beside a model that was given as a .tflite, if it is compiled and fits it."""
    path = variant.path.with_name(f"{variant.path.stem}_edgetpu.tflite")
    if variant.converter is not None or not path.is_file():
        return None
    try:
        found = read_model_file(path)
    except ModelError:
        return None
    if not any(op.name == CUSTOM_OP for op in found.ops):
        return None
    if [(t.shape, t.dtype) for t in found.inputs] != [(t.shape, t.dtype) for t in variant.inputs]:
        return None
    return Compiled(path, cache.digest_file(path), path.stat().st_size, report=None)
