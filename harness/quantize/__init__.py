"""PTQ variants of a model, cached by content; TensorFlow runs only in child processes."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from harness import cache as store
from harness.config import VariantSpec
from harness.errors import ModelError
from harness.models import ModelSource, tflite_files
from harness.quantize import sample_inputs
from harness.quantize.conversion import Made, Task, Workshop
from harness.quantize.data import choose_data, of_spec
from harness.quantize.sample_inputs import FidelitySamples
from harness.quantize.separate import digest_of, named_apart
from harness.quantize.variant_warnings import Warnings, warnings_of
from harness.tflite import TensorInfo, read_model

Progress = Callable[[str, int, int], None]  # variant, how many are done, of how many


@dataclass(frozen=True)
class Variant:
    """One .tflite file and how it came to be."""

    model: str
    name: str
    scheme: str  # detected from the file
    path: Path  # in the cache, where nobody changes it
    size_bytes: int
    sha256: str
    source_sha256: str  # of the model it was made from (of the file itself for a ready .tflite)
    converter: Mapping[str, str] | None  # {name, version}; None for a ready .tflite
    settings: Mapping[str, Any] | None
    calibration: Mapping[str, Any] | None  # {source, samples, sha256, how, generated}
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    warnings: tuple[tuple[str, str], ...] = ()  # (code, message)
    custom_ops: tuple[str, ...] = ()  # names of ops that are not TensorFlow Lite's own
    given: Path | None = None  # the user's ready .tflite, of which `path` is a copy


@dataclass(frozen=True)
class FailedVariant:
    """A variant that could not be made, with the converter's reason in one line."""

    model: str
    name: str
    reason: str


@dataclass(frozen=True)
class VariantSet:
    """All variants of one model, and the inputs their outputs are compared on."""

    model: str
    source: str
    sha256: str
    variants: tuple[Variant, ...]
    failed: tuple[FailedVariant, ...] = ()
    inputs: Mapping[str, Path] = field(default_factory=dict)  # variant name -> .npz of sample inputs
    fidelity_samples: FidelitySamples | None = None  # where these come from; None where there are none


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
    blank = replace(_blank(source, sha256), converter=shop.converter, settings={"batch": batch})
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
        inputs = sample_inputs.write(data.compared_on, {v.name: v.inputs for v in variants}, folder)
    return VariantSet(
        source.name, source.source, sha256, tuple(variants), tuple(failed), inputs, data.samples
    )


def export_variants(made: VariantSet, out: Path) -> list[Path]:
    """Copy every variant to `out` as <model>_<variant>.tflite, its provenance beside it as .json.

    Files of these names are replaced. Returns the .tflite paths. Raises ModelError where `out` cannot be
    written.
    """
    from harness.analysis.provenance import of_variant, plain_dict

    paths = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for variant in made.variants:
            path = out / f"{variant.model}_{variant.name}.tflite"
            shutil.copyfile(variant.path, path)
            warnings = [{"code": code, "message": message} for code, message in variant.warnings]
            record = plain_dict({**of_variant(variant), "source": made.source, "warnings": warnings})
            text = json.dumps(record, indent=2, sort_keys=True) + "\n"
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
    blank, copies = _blank(source, ""), folder / "copies"
    variants, failed = [], []
    if source.kind == "tflite":
        found = _keep(*_take(blank, "", source.path), copies)
        variants.append(replace(found, name=found.scheme))
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
            variants.append(_keep(found, data, copies))
        variants = named_apart(variants, source.name)
        if any(variant.model != source.name for variant in variants):
            failed = [replace(failure, model=failure.name) for failure in failed]
        sha256 = digest_of(variants, failed)
    store.prune(copies)
    wanted = {v.name: v.inputs for v in variants}
    inputs, samples = sample_inputs.of_ready_files(wanted, calibration, dataset, folder)
    return VariantSet(source.name, source.source, sha256, tuple(variants), tuple(failed), inputs, samples)


def _blank(source: ModelSource, source_sha256: str) -> Variant:
    """A variant of which nothing is known yet but its model."""
    return Variant(source.name, "", "", Path(), 0, "", source_sha256, None, None, None, inputs=(), outputs=())


def _printable(name: str) -> str:
    """A file name with bytes that are no text written as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _take(blank: Variant, name: str, path: Path) -> tuple[Variant, bytes]:
    """A ready file's content, and what that tells. Raises ModelError where it is not to be used."""
    if _printable(str(path.absolute())) != str(path.absolute()):
        raise ModelError(f"{_printable(str(path))}: the path is not UTF-8; rename it")
    data = _read(path)
    found = _describe(blank, name, path, data)
    return replace(found, given=path, source_sha256=found.sha256), data


def _keep(found: Variant, data: bytes, copies: Path) -> Variant:
    """The variant with a copy of its own: the user's file may be rebuilt while that is measured."""
    return replace(found, path=store.keep(copies / f"{found.sha256}.tflite", data))


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
        path=path,
        size_bytes=len(data),
        sha256=store.digest(data),
        inputs=info.inputs,
        outputs=info.outputs,
        custom_ops=tuple(sorted({op.name for op in info.ops if op.custom})),
    )


def _finish(blank: Variant, task: Task, outcome: Made, warnings: Warnings) -> Variant:
    """What the file tells, and how it was made."""
    assert outcome.path is not None
    settings = {**task.settings, **(blank.settings or {}), "compatible_form": outcome.compatible}
    calibration = asdict(task.calibration) if task.calibration else None
    if calibration:
        del calibration["path"]  # of this machine's cache
    made = _describe(blank, task.name, outcome.path, _read(outcome.path))
    return replace(made, settings=settings, calibration=calibration, warnings=warnings)


def _settings(spec: VariantSpec) -> dict[str, Any]:
    """The converter's own settings, and nothing else: they identify the result."""
    return {
        "optimizations": list(spec.optimizations),
        "supported_ops": list(spec.supported_ops),
        "supported_types": list(spec.supported_types),
        "inference_input_type": spec.inference_input_type,
        "inference_output_type": spec.inference_output_type,
    }
