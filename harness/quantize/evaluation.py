"""The labelled samples that a model's variants are evaluated on."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from delegates.wire import CLASSES, OUTPUTS, TARGETS, Output
from harness import cache as store
from harness.errors import ModelError
from harness.models import ModelSource
from harness.quantize.calibration import HeldData, Labelled, load_labelled
from harness.quantize.sample_inputs import digests, named_for, specs_of
from harness.quantize.variants import EvaluationSet, VariantSet
from harness.record import Evaluation, Variant

if TYPE_CHECKING:
    from harness.quantize.calibration.arrays import Arrays

_SEED = 0
_MOST_VALUES = 1 << 22  # of outputs that are kept whole, per cell


def with_evaluation(
    made: VariantSet,
    source: ModelSource,
    dataset: str | HeldData | None,
    metric: str | None,
    cache: Path | None = None,
) -> VariantSet:
    """Return the set with the samples that it is evaluated on; without them if there are no labels.

    dataset: as --dataset takes it. None: the built-in model's test data, none for other models. Samples that
    a variant was calibrated on are left out. The order is random, with a fixed seed: sources are often sorted
    by class, and slow cells evaluate only the first samples. Raises ModelError.
    """
    folder = cache or store.default_cache()
    if not made.variants:
        return made
    where = f"dataset {dataset.name if isinstance(dataset, HeldData) else dataset or 'built-in'}"
    try:
        found = _load(made, source, dataset, folder)
    except ModelError as error:
        raise ModelError(re.sub(r"^calibration\b", "dataset", str(error))) from None
    if found is None:
        if metric is not None:
            raise ModelError(
                f"metric {metric}: " + ("no --dataset" if dataset is None else f"{where}: no labels")
            )
        return made
    return _with(made, found, metric, where, folder)


def _load(
    made: VariantSet, source: ModelSource, dataset: str | HeldData | None, folder: Path
) -> Labelled | None:
    specs = specs_of(made.variants[0].variant.inputs)
    if dataset is not None:
        return load_labelled(dataset, specs)
    if source.kind != "builtin":
        return None
    from harness.models.builtin import need_digits
    from harness.quantize.calibration.arrays import load

    test = load(need_digits(folder).evaluation)
    return Labelled("built-in", {specs[0].name: test["x"]}, test["y"], None)


def _with(made: VariantSet, found: Labelled, metric: str | None, where: str, folder: Path) -> VariantSet:
    from harness.quantize.calibration.arrays import digest_of
    from harness.quantize.calibration.arrays import store as store_arrays
    from harness.quantize.metrics import choose

    try:
        chosen = choose(metric, found.labels, made.variants[0].variant.outputs, where)
    except ModelError as error:
        if metric is not None:
            raise
        return _recorded(made, Evaluation(found.source, 0, "", problem=str(error)))
    rows, excluded = _rows(found.arrays, [one.variant for one in made.variants], folder)
    if chosen.keep == OUTPUTS:
        outputs = made.variants[0].variant.outputs
        rows = rows[: max(1, _MOST_VALUES // max(1, sum(_size(tensor.shape) for tensor in outputs)))]
    record = Evaluation(found.source, len(rows), chosen.metric, how=found.how, excluded=excluded)
    if not len(rows):
        return _recorded(made, structs.replace(record, problem="every sample was calibrated on"))
    arrays = {name: array[rows] for name, array in found.arrays.items()}
    labels = chosen.labels[rows]
    record = structs.replace(record, sha256=digest_of({**arrays, "labels": labels}))
    targets = {} if chosen.keep in (CLASSES, OUTPUTS) else {f"{TARGETS}0": labels}
    inputs: dict[str, Path] = {}
    written: dict[tuple[str, ...], Path] = {}
    for one in made.variants:
        named = named_for(arrays, one.variant.inputs)
        if tuple(named) not in written:
            written[tuple(named)] = store_arrays({**named, **targets}, folder / "evaluation")[1]
        inputs[one.variant.name] = written[tuple(named)]
    store.prune(folder / "evaluation")
    recorded_labels = _output(labels) if chosen.keep == CLASSES else None
    data = EvaluationSet(record, chosen.keep, inputs, recorded_labels, labels)
    return replace(_recorded(made, record), evaluation=data)


def _recorded(made: VariantSet, record: Evaluation) -> VariantSet:
    """Return the set with the record of the samples in each variant."""
    variants = (
        replace(one, variant=structs.replace(one.variant, evaluation=record)) for one in made.variants
    )
    return replace(made, variants=tuple(variants))


def _rows(arrays: Arrays, variants: Sequence[Variant], folder: Path) -> tuple[Any, int]:
    """Return the numbers of the samples in the order of evaluation, and how many were left out."""
    import numpy as np

    from harness.quantize.calibration.arrays import load

    calibrated: set[bytes] = set()
    for sha256 in {one.calibration.sha256 for one in variants if one.calibration and one.calibration.sha256}:
        path = folder / "calibration" / f"{sha256}.npz"
        if path.exists():
            calibrated |= set(digests(load(path)))
    total = len(next(iter(arrays.values())))
    order = np.random.default_rng(_SEED).permutation(total)
    if not calibrated:
        return order, 0
    seen = np.array([digest in calibrated for digest in digests(arrays)])
    return order[~seen[order]], int(seen.sum())


def _size(shape: Sequence[int]) -> int:
    import math

    return math.prod(shape)


def _output(labels: Any) -> Output:
    """Return numbers of classes in the form in which the record stores arrays."""
    import numpy as np

    data = base64.b64encode(np.ascontiguousarray(labels, "<f4").tobytes()).decode("ascii")
    return Output("labels", [len(labels)], data)
