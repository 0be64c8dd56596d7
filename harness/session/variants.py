"""Make the variants of every selected model."""

from __future__ import annotations

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


def make_all(
    options: Options, config: Config, oldest_runtime: Oldest, watcher: Watcher, *, evaluated: bool = False
) -> list[VariantSet]:
    """Make the variants of every selected model. Raises QbenchError.

    oldest_runtime: major and minor version of the oldest runtime that has to load them, or a future of it.
    evaluated: add the labelled samples that they are evaluated on, if there are any.
    """
    options = replace(  # several models may need the data, and an iterator is read once only
        options, calibration=as_source(options.calibration), dataset=as_source(options.dataset)
    )
    made: list[VariantSet] = []
    for source in sources(options):
        sets = _make(source, options, config, oldest_runtime, watcher)
        if evaluated:
            sets = [with_evaluation(one, source, options.dataset, options.metric) for one in sets]
        made += sets
    return selection.unique_sets(made)


def _make(
    source: ModelSource,
    options: Options,
    config: Config,
    oldest_runtime: Oldest,
    watcher: Watcher,
) -> list[VariantSet]:
    """Make the variants of one source, which may be a folder of several models."""
    variants = make_variants(
        source,
        selection.variants(config, options.variants),
        calibration=options.calibration,
        dataset=options.dataset,
        trust_model=options.trust_model,
        batch=options.batch,
        oldest_runtime=oldest_runtime,
        on_begin=lambda: watcher.step(f"making variants of {source.name}"),
        on_progress=watcher.converted,
    )
    sets = separate(selection.filter_variants(variants, options.variants))
    if len(sets) > 1:
        names = ", ".join(one.model.name for one in sets)
        watcher.note(f"{source.source}: inputs or outputs differ, these are different models: {names}")
    return sets
