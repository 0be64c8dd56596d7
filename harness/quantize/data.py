"""Choose the samples that variants are calibrated with, and those that their outputs are compared on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from harness.config import VariantSpec
from harness.models import ModelSource
from harness.models.applications import APPLICATIONS, application_name
from harness.models.builtin import INPUT, need_digits
from harness.quantize.calibration import (
    GENERATED,
    HeldData,
    InputSpec,
    Samples,
    generate,
    load_calibration,
    load_split,
)
from harness.quantize.sample_inputs import COUNT, count_shared, no_random_data, of_dataset
from harness.record import FidelitySamples

OTHER_SEED = 1  # for random samples that are not used for calibration


@dataclass(frozen=True)
class Data:
    """The calibration data that all variants share, and the samples that outputs are compared on.

    Both are None, and `problem` says why, if there is no random data for such inputs (text, for example).
    """

    calibration: Samples | None
    compared_on: Path | None  # an .npz in the form of Samples.path
    samples: FidelitySamples | None
    problem: str = ""


def choose_data(
    source: ModelSource,
    calibration: str | HeldData | None,
    dataset: str | HeldData | None,
    inputs: Sequence[InputSpec],
    folder: Path,
) -> Data:
    """Return the calibration data and the samples to compare outputs on.

    Calibration data is what the user gave, else the built-in model's own, else random. Outputs are compared
    on the first of these that exists:
    - `dataset`, unless it is the calibration data itself;
    - data that fits the model, whatever the calibration data is: the built-in model's test data,
      random data in the range that a known architecture wants;
    - samples held back from the calibration data, or that data itself if it is too little;
    - random data of another seed.
    Raises ModelError.
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
        return Data(main, _digits_test_data(folder), FidelitySamples("built-in", COUNT, "built-in"))
    if source.kind == "application":
        other = _of_application(source, inputs, COUNT, folder, OTHER_SEED)
    if main is None:
        return Data(None, None, None, problem)
    if other is None:
        return Data(main, main.path, _samples(main, "calibration"))
    return Data(main, other.path, _samples(other, "random" if other.generated else "held-back"))


def of_spec(
    spec: VariantSpec, main: Samples | None, inputs: Sequence[InputSpec], folder: Path
) -> Samples | None:
    """Return a variant's own calibration data if it names some, else the shared data if it needs any.

    Samples are held back from its own data, too: --calibration may name the same.
    """
    if spec.representative_dataset:
        return load_split(spec.representative_dataset, inputs, folder / "calibration")[0]
    return main if spec.needs_calibration else None


def _calibration(
    source: ModelSource, asked: str | HeldData | None, inputs: Sequence[InputSpec], folder: Path
) -> tuple[Samples | None, Samples | None, str]:
    """Return the calibration data, other samples of its source if needed, and why there is none.

    It does not depend on `dataset`: the same calibration makes the same variants.
    """
    if asked is None and source.kind == "builtin":
        return _digits_calibration(folder), None, ""
    if asked in (None, "generate") and source.kind == "application":
        return _of_application(source, inputs, GENERATED, folder), None, ""
    if asked is not None and source.kind in ("builtin", "application"):
        return load_calibration(asked, inputs, folder / "calibration"), None, ""
    if asked is None and (problem := no_random_data(inputs)):
        return None, None, problem
    return *load_split(asked or "generate", inputs, folder / "calibration", COUNT), ""


def _of_application(
    source: ModelSource, inputs: Sequence[InputSpec], samples: int, folder: Path, seed: int = 0
) -> Samples:
    known = APPLICATIONS[application_name(source.source) or source.name]
    ranges = {spec.name: (known.low, known.high) for spec in inputs}
    return generate(inputs, samples, folder / "calibration", seed, ranges)


def _digits_calibration(folder: Path) -> Samples:
    from harness.quantize.calibration.arrays import load, store

    images = load(need_digits(folder).calibration)
    sha256, path = store(images, folder / "calibration")
    return Samples("built-in", len(images[INPUT]), sha256, path, generated=False)


def _digits_test_data(folder: Path) -> Path:
    """Return the test images as an .npz under the model's input name."""
    from harness.quantize.calibration.arrays import load, store

    return store({INPUT: load(need_digits(folder).evaluation)["x"]}, folder / "calibration")[1]


def _samples(data: Samples, how: str) -> FidelitySamples:
    return FidelitySamples(data.source, min(COUNT, data.samples), how)  # type: ignore[arg-type]
