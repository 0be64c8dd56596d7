"""Use ready .tflite files as variants."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from msgspec.structs import replace

from harness import cache, files
from harness.errors import ModelError
from harness.models import ModelSource, tflite_files
from harness.quantize import sample_inputs
from harness.quantize.calibration import HeldData
from harness.quantize.separate import digest_of, named_apart
from harness.quantize.variants import MadeVariant, VariantSet, described, inputs_of
from harness.record import FailedVariant, Model, Variant
from harness.record.shapes import Shapes
from harness.tflite.asked import as_asked


def take_ready(
    source: ModelSource,
    calibration: str | HeldData | None,
    dataset: str | HeldData | None,
    folder: Path,
    shapes: Shapes = (),
    signature: str | None = None,
) -> VariantSet:
    """Return the variants of a .tflite, of its bytes, or of a folder of such files.

    A single file is named after its scheme. Files of a folder are named after their stems, or their whole
    file names if stems are the same (a.tflite and a.TFLITE). Files that are different models have different
    `model`s; `separate` splits them into sets. With shapes or a signature, each variant is a copy that has
    those (see `as_asked`). Raises ModelError.
    """
    copies = folder / "copies"
    if source.kind == "tflite":
        found = _alone(source, copies)
        variants, failed, sha256 = [found], list[FailedVariant](), found.variant.sha256
    else:
        variants, failed = _of_folder(source, copies)
        sha256 = digest_of(variants, failed)
    if shapes or signature is not None:
        variants = [_as_asked(made, copies, shapes, signature) for made in variants]
        shape = variants[0].variant.shape if variants else None
        failed = [replace(failure, shape=shape, signature=signature) for failure in failed]
    cache.prune(copies)
    inputs, samples = sample_inputs.of_ready_files(inputs_of(variants), calibration, dataset, folder)
    model = Model(source.name, sha256, source.source, samples)
    return VariantSet(model, tuple(variants), tuple(failed), inputs=inputs)


def _alone(source: ModelSource, copies: Path) -> MadeVariant:
    blank = Variant(source.name, "")
    if isinstance(source.held, bytes):
        found = _of_content(blank, source.held, source.source)
        return _kept(replace(found, name=str(found.scheme)), source.held, copies, None)
    assert source.path is not None
    found, data = _of_file(blank, source.path)
    return _kept(replace(found, name=str(found.scheme)), data, copies, source.path)


def _of_folder(source: ModelSource, copies: Path) -> tuple[list[MadeVariant], list[FailedVariant]]:
    assert source.path is not None
    files = tflite_files(source.path)
    stems = Counter(path.stem for path in files)
    variants, failed = [], []
    for path in files:
        name = path.stem if stems[path.stem] == 1 else path.name
        try:
            found, data = _of_file(Variant(source.name, name), path)
        except ModelError as error:
            failed.append(FailedVariant(source.name, _printable(name), str(error)))
            continue
        variants.append(_kept(found, data, copies, path))
    variants = named_apart(variants, source.name)
    if any(made.variant.model != source.name for made in variants):
        failed = [replace(failure, model=failure.name) for failure in failed]
    return variants, failed


def _of_file(blank: Variant, path: Path) -> tuple[Variant, bytes]:
    """Read a file: the variant that it is, and its content. Raises ModelError if it cannot be used."""
    if _printable(str(path.absolute())) != str(path.absolute()):
        raise ModelError(f"{_printable(str(path))}: the path is not UTF-8; rename it")
    data = files.read(path)
    return _of_content(blank, data, str(path)), data


def _of_content(blank: Variant, data: bytes, where: str) -> Variant:
    found = described(blank, data, where)
    return replace(found, source_sha256=found.sha256)


def _kept(found: Variant, data: bytes, copies: Path, given: Path | None) -> MadeVariant:
    """Copy a variant's file: the user may rebuild it during a measurement."""
    return MadeVariant(found, cache.keep(copies / f"{found.sha256}.tflite", data), given)


def _as_asked(made: MadeVariant, copies: Path, shapes: Shapes, signature: str | None) -> MadeVariant:
    """Return a variant with these shapes and this signature. Raises ModelError if they don't fit."""
    where = str(made.given or made.variant.model)
    asked = as_asked(files.read(made.path), where, shapes, signature)
    variant = replace(made.variant, shape=asked.shape, signature=signature, warnings=())
    return _kept(described(variant, asked.data, where), asked.data, copies, None)


def _printable(name: str) -> str:
    """Return a file name with bytes that are not UTF-8 as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
