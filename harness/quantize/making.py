"""Make the variants of a model, or take them from the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import msgspec
from msgspec.structs import replace

from harness import cache as store
from harness import files
from harness.config import VariantSpec
from harness.errors import ModelError
from harness.models import ModelSource
from harness.quantize import sample_inputs
from harness.quantize.backends.tflite_converter.conversion import Conversion, Progress
from harness.quantize.backends.tflite_converter.messages import Settings, Wanted
from harness.quantize.backends.tflite_converter.results import ConversionResult, Oldest, Task, Version
from harness.quantize.calibration import as_source
from harness.quantize.data import Data, choose_data, of_spec
from harness.quantize.ready import take_ready
from harness.quantize.variant_warnings import warnings_of
from harness.quantize.variants import MadeVariant, VariantSet, described, inputs_of
from harness.record import FailedVariant, Model, Variant, Warning
from harness.record.plain import plain_object
from harness.record.shapes import Shapes, as_text


def make_variants(  # noqa: PLR0913 - each is an option of the command
    source: ModelSource,
    specs: Sequence[VariantSpec],
    *,
    calibration: object = None,
    dataset: object = None,
    trust_model: bool = False,
    batch: int = 1,
    convert: bool = True,
    shapes: Shapes = (),
    signature: str | None = None,
    oldest_runtime: Version | Oldest | None = None,
    cache: Path | None = None,
    on_begin: Callable[[], None] | None = None,
    on_progress: Progress | None = None,
) -> VariantSet:
    """Make the variants `specs` of a model, or take them from the cache, as `qbench quantize` does.

    source: from `resolve_model`. A ready .tflite, or each of a folder, is a variant already: `specs` and
        `batch` do not apply.
    calibration: a text or path, as --calibration takes it, or data: an array, a dict of arrays, a dataset of
        Keras or TensorFlow, an iterable of samples. None: the built-in model's own data, else random data,
        with a warning on every variant that was calibrated on it.
    dataset: samples to compare outputs on, in the same forms. None: samples that were not used for
        calibration, if there are any (see `fidelity_samples`).
    trust_model: run code in the model's file, such as Lambda layers; otherwise a file with code is refused.
        Callables and objects are the user's own code and trusted. Variants in the cache need no trust: using
        them runs no code of the model.
    batch: the size that open batch dimensions get.
    convert: make the variants that the cache lacks. False: they are `missing` in the set.
    shapes: of inputs, by name, as `read_sweep` returns them; all free dimensions but the batch need one.
    signature: which one of several.
    oldest_runtime: major and minor version of the oldest TFLite runtime that must load the variants; one
        that needs a newer runtime is made again in the older form, with a warning. A future is waited for
        only when it is needed; its error ends the conversion, and is raised.
    cache: folder to use instead of `default_cache()`.
    on_begin: called before the first variant is made, unless all are in the cache.
    on_progress: called with each variant that had to be made, the number done and the number in all.

    Raises ModelError if the model, the calibration data or the cache cannot be used, or TensorFlow is
    missing. A variant that cannot be made, or a .tflite of a folder that cannot be read, is a
    FailedVariant.
    """
    if batch < 1:
        raise ModelError(f"{source.source}: a batch of {batch} is too small; at least 1")
    folder = cache or store.default_cache()
    asked, compared = as_source(calibration), as_source(dataset)
    if source.kind in ("tflite", "tflite_folder"):
        return take_ready(source, asked, compared, folder, shapes, signature)
    oldest = oldest_runtime if isinstance(oldest_runtime, Future) else _known(oldest_runtime)
    wanted = Wanted(batch, shapes, signature)
    making = Conversion(source, wanted, folder, len(specs), oldest, trust_model, on_begin)
    if not (convert or making.is_prepared):
        every = {spec.name: place for place, spec in enumerate(specs)}
        model, shape = Model(source.name, source.sha256, source.source), as_text(shapes) or None
        return VariantSet(model, missing=every, shape=shape, signature=signature)
    with making as conversion:
        data = choose_data(source, asked, compared, conversion.inputs, folder)
        tasks = {s: _task(s, data, conversion, folder) for s in specs if _is_possible(s, data)}
        if convert:
            conversion.make(list(tasks.values()), on_progress or _silent)
        results = conversion.results(list(tasks.values()))
    blank = Variant(
        source.name,
        "",
        source_sha256=(source.path and conversion.source.sha256) or conversion.content,
        converter=conversion.converter,
        settings={"batch": batch},
        shape=conversion.shape,
        signature=signature,
    )
    failed = {spec.name: data.problem for spec in specs if spec not in tasks}
    variants: list[MadeVariant] = []
    missing: dict[str, int] = {}
    for (spec, task), result in zip(tasks.items(), results, strict=True):
        if result.is_missing and not convert:
            missing[spec.name] = len(variants) + len(missing)
        elif result.path is None:
            failed[spec.name] = result.reason or ""
        else:
            warnings = warnings_of(source.kind, spec, task.calibration, result, oldest.result())
            variants.append(MadeVariant(_finished(blank, task, result, result.path, warnings), result.path))
    blank_failure = FailedVariant(source.name, "", "", shape=blank.shape, signature=signature)
    inputs: dict[str, Path] = {}
    if data.compared_on is not None:
        inputs = sample_inputs.write(data.compared_on, inputs_of(variants), folder)
    return VariantSet(
        Model(source.name, blank.source_sha256, source.source, data.samples),
        tuple(variants),
        tuple(replace(blank_failure, name=s.name, reason=failed[s.name]) for s in specs if s.name in failed),
        inputs,
        missing,
        blank.shape,
        signature,
    )


def _is_possible(spec: VariantSpec, data: Data) -> bool:
    return bool(data.calibration or spec.representative_dataset or not spec.needs_calibration)


def _known(version: Version | None) -> Oldest:
    known = Oldest()
    known.set_result(version)
    return known


def _silent(variant: str, done: int, total: int) -> None:
    """Report nothing."""


def _task(spec: VariantSpec, data: Data, conversion: Conversion, folder: Path) -> Task:
    settings = Settings(
        spec.optimizations,
        spec.supported_ops,
        spec.supported_types,
        spec.inference_input_type,
        spec.inference_output_type,
    )
    return Task(spec.name, settings, of_spec(spec, data.calibration, conversion.inputs, folder))


def _finished(
    blank: Variant, task: Task, result: ConversionResult, path: Path, warnings: tuple[Warning, ...]
) -> Variant:
    """Return the variant with what its file says and how it was made."""
    settings = {**msgspec.to_builtins(task.settings), **(blank.settings or {})}
    return replace(
        described(replace(blank, name=task.name), files.read(path), str(path)),
        settings=plain_object({**settings, "compatible_form": result.compatible}),
        calibration=task.calibration.record if task.calibration else None,
        warnings=warnings,
    )
