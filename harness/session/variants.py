"""Make the variants of every selected model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from harness.config import Config
from harness.models import ModelSource, resolve_model
from harness.quantize import VariantSet, make_variants
from harness.quantize.calibration import as_source
from harness.quantize.evaluation import with_evaluation
from harness.quantize.separate import separate
from harness.session import selection
from harness.session.options import Options
from harness.session.watcher import Watcher

Oldest = tuple[int, int] | None | Future[tuple[int, int] | None]


def sources(options: Options) -> list[ModelSource]:
    """Return the selected models, with unique names. Raises ModelError if one can't be found."""
    return selection.unique_names([resolve_model(text, Path.cwd()) for text in options.models])


def asked(options: Options) -> list[tuple[ModelSource, Sequence[str]]]:
    """Return the selected models, each with the names of its variants; none means all. Raises ModelError."""
    found = sources(options)
    return [*zip(found, options.variants_by_model or [options.variants] * len(found), strict=True)]


def make_all(
    options: Options,
    config: Config,
    oldest_runtime: Oldest,
    watcher: Watcher,
    *,
    convert: bool = True,
    evaluated: bool = False,
) -> list[VariantSet]:
    """Make the variants of every selected model. Raises QbenchError.

    convert: False leaves out those that are not in the cache.
    oldest_runtime: major and minor version of the oldest runtime that has to load them, or a future of it.
    evaluated: add the labelled samples that they are evaluated on, if there are any.
    """

    def made(point: Options) -> list[VariantSet]:
        sets = [
            make(source, replace(point, variants=names), config, oldest_runtime, watcher, convert, evaluated)
            for source, names in asked(point)
        ]
        return selection.unique_sets([one for of_source in sets for one in of_source])

    return swept(with_sources(options), made)


def swept(options: Options, make_point: Callable[[Options], list[VariantSet]]) -> list[VariantSet]:
    """Make the variants for each point of a sweep (see `Options.points`), and return them model by model."""
    made = [one for point in options.points() for one in make_point(point)]
    models = [*dict.fromkeys(one.model.name for one in made)]
    return sorted(made, key=lambda one: models.index(one.model.name))


def with_sources(options: Options) -> Options:
    """Return the options with their data as sources: several models may need an iterator's, read once."""
    return replace(options, calibration=as_source(options.calibration), dataset=as_source(options.dataset))


def make(
    source: ModelSource,
    options: Options,
    config: Config,
    oldest_runtime: Oldest,
    watcher: Watcher,
    convert: bool,
    evaluated: bool,
) -> list[VariantSet]:
    """Make the variants of one source, which may be a folder of several models, at one point of a sweep.

    evaluated: see `make_all`.
    """
    ((shapes, signature),) = options.inputs()
    named = " ".join((source.name, *options.signatures, *options.shapes))
    variants = make_variants(
        source,
        selection.variants(config, options.variants),
        calibration=options.calibration,
        dataset=options.dataset,
        trust_model=options.trust_model,
        batch=options.batch,
        shapes=shapes,
        signature=signature,
        convert=convert,
        oldest_runtime=oldest_runtime,
        on_begin=lambda: watcher.step(f"making variants of {named}"),
        on_progress=watcher.converted,
    )
    sets = separate(selection.filter_variants(variants, options.variants))
    if len(sets) > 1:
        names = ", ".join(one.model.name for one in sets)
        watcher.note(f"{source.source}: inputs or outputs differ, these are different models: {names}")
    if not evaluated:
        return sets
    return [with_evaluation(one, source, options.dataset, options.metric) for one in sets]
