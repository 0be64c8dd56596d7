"""PTQ variants of a model, cached by content; TensorFlow runs only in child processes."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from harness import cache as store
from harness.config import VariantSpec
from harness.errors import ModelError
from harness.models import ModelSource, tflite_files
from harness.quantize import sample_inputs
from harness.quantize.conversion import Made, Task, Workshop
from harness.quantize.data import choose_data, of_spec
from harness.quantize.separate import digest_of, named_apart
from harness.quantize.variant_warnings import warnings_of
from harness.record import Calibration, Converter, FailedVariant, Model, Variant, Warning
from harness.record.plain import plain_object
from harness.tflite import as_tensor, read_model

Progress = Callable[[str, int, int], None]  # variant, how many are done, of how many


@dataclass(frozen=True)
class MadeVariant:
    """A variant whose file is on this machine."""

    variant: Variant
    path: Path  # in the cache, where nobody changes it
    given: Path | None = None  # the user's ready .tflite, of which `path` is a copy


@dataclass(frozen=True)
class VariantSet:
    """All variants of one model, and the inputs their outputs are compared on."""

    model: Model
    variants: tuple[MadeVariant, ...] = ()
    failed: tuple[FailedVariant, ...] = ()
    inputs: Mapping[str, Path] = field(default_factory=dict)  # variant name -> .npz of sample inputs


def make_variants(  # noqa: PLR0913 - each is an option of the command
    source: ModelSource,
    specs: Sequence[VariantSpec],
    *,
    calibration: str | None = None,
    dataset: str | None = None,
    trust_model: bool = False,
    batch: int = 1,
    oldest_runtime: tuple[int, int] | None = None,
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> VariantSet:
    """Make `specs` of a model, or take from the cache what was made before; what `qbench quantize` does.

    source: from `resolve_model`. A ready .tflite, or each of a folder, is a variant as it is: `specs` and
        `batch` don't apply.
    calibration: as --calibration takes it; None: the built-in model's own data, else random data, with a
        warning on every variant that was calibrated on it.
    dataset: samples that outputs are compared on, named as `calibration` is; None: samples that nothing was
        calibrated on, as far as there are any (`fidelity_samples` tells).
    trust_model: let code in the model's file run, such as Lambda layers; else a file with code is refused.
        A callable is code that was asked for. Variants made before come from the cache either way: they
        are data, and nothing of the model runs then.
    batch: what open batch dimensions are fixed to.
    oldest_runtime: major and minor version of the oldest TFLite runtime that must load the variants; one
        that needs a newer runtime is remade in the older form, with a warning.
    cache: folder to use instead of `default_cache()`.
    on_progress: called with each variant that had to be made, the number done and the number in all.

    Raises ModelError where the model, the calibration data or the cache cannot be used, or TensorFlow is
    missing. A variant that cannot be made, or a .tflite of a folder that cannot be read, is a
    FailedVariant.
    """
    if batch < 1:
        raise ModelError(f"{source.source}: a batch of {batch} is none; give at least 1")
    folder = cache or store.default_cache()
    if source.kind in ("tflite", "tflite_folder"):
        return _take_ready(source, calibration, dataset, folder)
    with Workshop(source, batch, folder, len(specs), trust_model) as shop:
        data = choose_data(source, calibration, dataset, shop.inputs, folder)
        main = data.calibration
        possible = [s for s in specs if main or s.representative_dataset or not s.needs_calibration]
        tasks = [Task(s.name, _settings(s), of_spec(s, main, shop.inputs, folder)) for s in possible]
        outcomes = shop.make(tasks, oldest_runtime, on_progress or _silent)
    sha256 = shop.source.sha256 if source.path and shop.source.sha256 else shop.content
    blank = Variant(
        source.name, "", source_sha256=sha256, converter=_converter(shop), settings={"batch": batch}
    )
    variants = [
        _finish(
            blank, task, outcome, warnings_of(source.kind, spec, task.calibration, outcome, oldest_runtime)
        )
        for spec, task, outcome in zip(possible, tasks, outcomes, strict=True)
        if outcome.path
    ]
    reasons = {spec.name: data.problem for spec in specs if spec not in possible}
    reasons |= {t.name: o.reason or "" for t, o in zip(tasks, outcomes, strict=True) if not o.path}
    failed = [FailedVariant(source.name, s.name, reasons[s.name]) for s in specs if s.name in reasons]
    inputs: dict[str, Path] = {}
    if data.compared_on is not None:
        inputs = sample_inputs.write(data.compared_on, _inputs_of(variants), folder)
    model = Model(source.name, sha256, source.source, data.samples)
    return VariantSet(model, tuple(variants), tuple(failed), inputs)


def export_variants(made: VariantSet, out: Path) -> list[Path]:
    """Copy every variant to `out` as <model>_<variant>.tflite, its provenance beside it as .json.

    Files of these names are replaced. Returns the .tflite paths. Raises ModelError where `out` cannot be
    written.
    """
    paths = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for one in made.variants:
            path = out / f"{one.variant.model}_{one.variant.name}.tflite"
            shutil.copyfile(one.path, path)
            provenance = {**msgspec.to_builtins(one.variant), "source": made.model.source}
            text = json.dumps(plain_object(provenance), indent=2, sort_keys=True) + "\n"
            path.with_suffix(".json").write_text(text, encoding="utf-8")
            paths.append(path)
    except OSError as error:
        raise ModelError(f"--out {out}: cannot be written: {error.strerror or error}") from None
    return paths


def _silent(variant: str, done: int, total: int) -> None:
    """Nobody wants to know."""


def _take_ready(
    source: ModelSource, calibration: str | None, dataset: str | None, folder: Path
) -> VariantSet:
    """Ready .tflite files as variants.

    One alone is named by its scheme, those of a folder by their stems: by the whole file name where
    stems are the same (a.tflite and a.TFLITE). Files of a folder that are different models have
    different `model`s: `separate` makes sets of them.
    """
    assert source.path is not None
    blank, copies = Variant(source.name, ""), folder / "copies"
    variants, failed = [], []
    if source.kind == "tflite":
        found, data = _take(blank, "", source.path)
        variants.append(_keep(replace(found, name=found.scheme), data, copies, source.path))
        sha256 = found.sha256
    else:
        files = tflite_files(source.path)
        stems = Counter(path.stem for path in files)
        for path in files:
            name = path.stem if stems[path.stem] == 1 else path.name
            try:
                found, data = _take(blank, name, path)
            except ModelError as error:
                failed.append(FailedVariant(source.name, _printable(name), str(error)))
                continue
            variants.append(_keep(found, data, copies, path))
        variants = named_apart(variants, source.name)
        if any(one.variant.model != source.name for one in variants):
            failed = [replace(failure, model=failure.name) for failure in failed]
        sha256 = digest_of(variants, failed)
    store.prune(copies)
    inputs, samples = sample_inputs.of_ready_files(_inputs_of(variants), calibration, dataset, folder)
    model = Model(source.name, sha256, source.source, samples)
    return VariantSet(model, tuple(variants), tuple(failed), inputs)


def _inputs_of(variants: Sequence[MadeVariant]) -> sample_inputs.Inputs:
    return {one.variant.name: one.variant.inputs for one in variants}


def _converter(shop: Workshop) -> Converter:
    return Converter(shop.converter["name"], shop.converter["version"])


def _printable(name: str) -> str:
    """A file name with bytes that are no text written as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _take(blank: Variant, name: str, path: Path) -> tuple[Variant, bytes]:
    """A ready file's content, and what that tells. Raises ModelError where it is not to be used."""
    if _printable(str(path.absolute())) != str(path.absolute()):
        raise ModelError(f"{_printable(str(path))}: the path is not UTF-8; rename it")
    data = _read(path)
    found = _describe(blank, name, path, data)
    return replace(found, source_sha256=found.sha256), data


def _keep(found: Variant, data: bytes, copies: Path, given: Path) -> MadeVariant:
    """The variant with a copy of its own: the user's file may be rebuilt while that is measured."""
    return MadeVariant(found, store.keep(copies / f"{found.sha256}.tflite", data), given)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None


def _describe(blank: Variant, name: str, path: Path, data: bytes) -> Variant:
    """A variant as its file describes it. Raises ModelError where it is no .tflite."""
    info = read_model(data, str(path))
    return replace(
        blank,
        name=name,
        scheme=info.scheme,
        size_bytes=len(data),
        sha256=store.digest(data),
        inputs=tuple(map(as_tensor, info.inputs)),
        outputs=tuple(map(as_tensor, info.outputs)),
        custom_ops=tuple(sorted({op.name for op in info.ops if op.custom})),
    )


def _finish(blank: Variant, task: Task, outcome: Made, warnings: tuple[Warning, ...]) -> MadeVariant:
    """What the file tells, and how it was made."""
    assert outcome.path is not None
    settings = {**task.settings, **(blank.settings or {}), "compatible_form": outcome.compatible}
    data = task.calibration
    made = replace(
        _describe(blank, task.name, outcome.path, _read(outcome.path)),
        settings=plain_object(settings),
        calibration=data
        and Calibration(data.source, data.samples, data.sha256, generated=data.generated, how=data.how),
        warnings=warnings,
    )
    return MadeVariant(made, outcome.path)


def _settings(spec: VariantSpec) -> dict[str, Any]:
    """The converter's own settings, and nothing else: they identify the result."""
    return {
        "optimizations": list(spec.optimizations),
        "supported_ops": list(spec.supported_ops),
        "supported_types": list(spec.supported_types),
        "inference_input_type": spec.inference_input_type,
        "inference_output_type": spec.inference_output_type,
    }
