"""Samples that variants of a float model are calibrated with, and those their outputs are compared on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from harness.config import VariantSpec
from harness.models import ModelSource
from harness.models.applications import APPLICATIONS, application_name
from harness.models.builtin import digits_calibration, digits_samples
from harness.quantize.calibration import (
    GENERATED,
    Calibration,
    InputSpec,
    generate,
    load_calibration,
    load_split,
)
from harness.quantize.sample_inputs import COUNT, count_shared, no_random_data, of_dataset
from harness.record import FidelitySamples

OTHER_SEED = 1  # of random samples that nothing was calibrated on


@dataclass(frozen=True)
class Data:
    """The calibration data that is shared by all variants, and the samples that outputs are compared on.

    Both are None, with the `problem`, where inputs are such (text) that there is no random data.
    """

    calibration: Calibration | None
    compared_on: Path | None  # an .npz, as a Calibration's
    samples: FidelitySamples | None
    problem: str = ""


def choose_data(
    source: ModelSource,
    calibration: str | None,
    dataset: str | None,
    inputs: Sequence[InputSpec],
    folder: Path,
) -> Data:
    """Data as it was asked for, each part on its own: what is right for one may be wrong for the other.

    Calibration: what the user named, else the built-in model's own, else random data. Outputs are compared
    on `dataset`, unless that is the calibration data itself; else on data that is right for the model
    whatever it was calibrated with (the built-in model's test data; random data in the range that an
    architecture is known to want); else on samples held back from the calibration data, or on that itself
    where it is too little; else on random data of another seed. Raises ModelError.
    """
    if dataset == calibration or (dataset == "generate" and source.kind == "application"):
        dataset = None
    main, other, problem = _calibration(source, calibration, inputs, folder)
    if dataset is not None:
        found = of_dataset(dataset, inputs, folder)
        samples = _samples(found, "random" if found.generated else "dataset")
        shared = count_shared(found.path, main.path) if main is not None else 0
        return Data(main, found.path, replace(samples, calibrated_on=shared), problem)
    if source.kind == "builtin":
        return Data(main, digits_samples(folder), FidelitySamples("built-in", COUNT, "built-in"))
    if source.kind == "application":
        other = _of_application(source, inputs, COUNT, folder, OTHER_SEED)
    if main is None:
        return Data(None, None, None, problem)
    if other is None:
        return Data(main, main.path, _samples(main, "calibration"))
    return Data(main, other.path, _samples(other, "random" if other.generated else "held-back"))


def of_spec(
    spec: VariantSpec, main: Calibration | None, inputs: Sequence[InputSpec], folder: Path
) -> Calibration | None:
    """A variant's own calibration data where it names some, else the shared one if it needs any.

    Its own has samples held back, too: it may be what --calibration names.
    """
    if spec.representative_dataset:
        return load_split(spec.representative_dataset, inputs, folder / "calibration")[0]
    return main if spec.needs_calibration else None


def _calibration(
    source: ModelSource, text: str | None, inputs: Sequence[InputSpec], folder: Path
) -> tuple[Calibration | None, Calibration | None, str]:
    """The calibration data, other data of its kind where that is needed, and why there is none.

    A `dataset` changes nothing here: the same calibration makes the same variants.
    """
    if text is None and source.kind == "builtin":
        return digits_calibration(folder), None, ""
    if text in (None, "generate") and source.kind == "application":
        return _of_application(source, inputs, GENERATED, folder), None, ""
    if text is not None and source.kind in ("builtin", "application"):
        return load_calibration(text, inputs, folder / "calibration"), None, ""
    if text is None and (problem := no_random_data(inputs)):
        return None, None, problem
    return *load_split(text or "generate", inputs, folder / "calibration", COUNT), ""


def _of_application(
    source: ModelSource, inputs: Sequence[InputSpec], samples: int, folder: Path, seed: int = 0
) -> Calibration:
    known = APPLICATIONS[application_name(source.source) or source.name]
    ranges = {spec.name: (known.low, known.high) for spec in inputs}
    return generate(inputs, samples, folder / "calibration", seed, ranges)


def _samples(data: Calibration, how: str) -> FidelitySamples:
    return FidelitySamples(data.source, min(COUNT, data.samples), how)  # type: ignore[arg-type]
