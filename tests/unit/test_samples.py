"""Which samples outputs are compared on: not those of calibration, and which is said."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from rich.console import Console

from harness.analysis import document
from harness.config.standard import STANDARD
from harness.errors import ModelError
from harness.models import ModelSource, resolve_model
from harness.quantize import make_variants
from harness.quantize.calibration import InputSpec
from harness.quantize.data import choose_data
from harness.record import FidelitySamples, Model
from harness.report.table import render
from tests.models import dense_model, int64_model
from tests.unit.run_builder import typical
from tests.unit.test_quantize import BY_NAME, by_name, invoke, needs_converter

X = InputSpec("x", "float32", (1, 4))
MINE = ModelSource("net", "callable", "mine:net", None, None)
MOBILENET = resolve_model("mobilenet_v2", Path.cwd())

NET = """
import numpy as np

def net():
    import keras
    keras.utils.set_random_seed(0)
    layers = [keras.Input((4,), name="x"), keras.layers.Dense(8, "relu"), keras.layers.Dense(3)]
    return keras.Sequential(layers)
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The working directory, with 64 samples in [-1, 1] and the same a hundred times as large."""
    values = np.random.default_rng(7).uniform(-1, 1, (64, 4)).astype(np.float32)
    np.save(tmp_path / "right.npy", values)
    np.save(tmp_path / "wrong.npy", values * 100)
    np.save(tmp_path / "few.npy", values[:3])
    np.save(tmp_path / "copy.npy", values[:3])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def values_of(path: Path) -> np.ndarray:
    with np.load(path) as file:
        return file[file.files[0]]


@pytest.mark.parametrize(
    ("source", "calibration", "dataset", "expected"),
    [
        (MINE, None, None, FidelitySamples("generate", 16, "random")),
        (MINE, "generate,samples=3", None, FidelitySamples("generate", 16, "random")),
        (MINE, "right.npy", None, FidelitySamples("right.npy", 16, "held-back")),
        (MINE, "right.npy,samples=50", None, FidelitySamples("right.npy,samples=50", 16, "held-back")),
        (MINE, "few.npy", None, FidelitySamples("few.npy", 3, "calibration")),
        (MINE, "wrong.npy", "right.npy", FidelitySamples("right.npy", 16, "dataset")),
        (MINE, None, "few.npy", FidelitySamples("few.npy", 3, "dataset")),
        (MINE, "right.npy", "right.npy", FidelitySamples("right.npy", 16, "held-back")),
        (MINE, None, "generate", FidelitySamples("generate", 16, "random")),
        (MINE, "right.npy", "./right.npy", FidelitySamples("./right.npy", 16, "dataset")),  # the 16 held back
        (MINE, "few.npy", "copy.npy", FidelitySamples("copy.npy", 3, "dataset", calibrated_on=3)),
        (MINE, "few.npy", "right.npy", FidelitySamples("right.npy", 16, "dataset", calibrated_on=1)),
        (MOBILENET, None, None, FidelitySamples("generate", 16, "random")),
        (MOBILENET, "right.npy", None, FidelitySamples("generate", 16, "random")),
        (MOBILENET, "right.npy", "few.npy", FidelitySamples("few.npy", 3, "dataset", calibrated_on=3)),
    ],
)
def test_what_is_compared_on(data, source, calibration, dataset, expected):
    found = choose_data(source, calibration, dataset, [X], data / "cache")
    assert found.samples == expected
    compared, calibrated = values_of(found.compared_on), values_of(found.calibration.path)
    assert len(compared) == expected.samples
    if expected.how in ("held-back", "random"):
        assert not np.isin(compared, calibrated).any()


def test_an_architecture_is_compared_in_its_own_range(data):
    found = choose_data(MOBILENET, "wrong.npy", None, [X], data / "cache")
    assert np.abs(values_of(found.compared_on)).max() < 1 < np.abs(values_of(found.calibration.path)).max()


def test_a_dataset_that_does_not_fit_is_called_by_its_name(data):
    np.save(data / "other.npy", np.zeros((4, 5)))
    with pytest.raises(ModelError, match=r"^dataset other\.npy: input \"x\" wants shape \(samples, 4\)"):
        choose_data(MINE, None, "other.npy", [X], data / "cache")


@pytest.mark.parametrize(
    ("calibration", "dataset", "expected"),
    [
        (None, None, FidelitySamples("generate", 16, "random")),
        ("right.npy", None, FidelitySamples("right.npy", 16, "dataset")),
        ("wrong.npy", "right.npy", FidelitySamples("right.npy", 16, "dataset")),
    ],
)
def test_ready_files(data, calibration, dataset, expected):
    (data / "net.tflite").write_bytes(dense_model(seed=1))
    made = make_variants(
        resolve_model("net.tflite", data),
        STANDARD,
        calibration=calibration,
        dataset=dataset,
        cache=data / "c",
    )
    assert made.model.fidelity_samples == expected
    values = values_of(made.inputs["float32"])
    assert values.shape == (16, 4) and np.abs(values).max() <= 1


def test_a_ready_file_without_data(data):
    (data / "net.tflite").write_bytes(int64_model())
    made = make_variants(resolve_model("net.tflite", data), STANDARD, cache=data / "cache")
    assert made.model.fidelity_samples == FidelitySamples("generate", 16, "random")


def decibels(made, folder: Path) -> float:
    """SQNR of int8 against float32 on the samples that were chosen."""
    variants = by_name(made)
    _, real = invoke(variants["float32"], made.inputs["float32"], folder)
    _, raw = invoke(variants["int8"], made.inputs["int8"], folder)
    quantization = variants["int8"].variant.outputs[0].quantization
    scale, zero = quantization.scales[0], quantization.zero_points[0]
    noise = (raw.astype(float) - zero) * scale - real
    return float(10 * np.log10(np.sum(real**2) / np.sum(noise**2)))


@needs_converter
@pytest.mark.slow
def test_wrongly_scaled_calibration_shows_on_a_dataset(data):
    """On the calibration data itself it looked as good as the right one."""
    (data / "mine.py").write_text(NET)
    source, specs = resolve_model("mine:net", data), [BY_NAME["float32"], BY_NAME["int8"]]

    def made(calibration: str, dataset: str | None):
        return make_variants(source, specs, calibration=calibration, dataset=dataset, cache=data / "cache")

    wrong = made("wrong.npy", "right.npy")
    assert decibels(wrong, data) < 10
    assert decibels(made("right.npy", None), data) > 20
    assert wrong.variants[1].variant.calibration.samples == 48
    assert wrong.variants[1].variant.sha256 == made("wrong.npy", None).variants[1].variant.sha256


@needs_converter
@pytest.mark.slow
def test_wrongly_scaled_calibration_shows_on_the_built_in_model(tmp_path):
    np.save(tmp_path / "wrong.npy", np.random.default_rng(0).uniform(0, 255, (32, 8, 8, 1)))
    made = make_variants(
        resolve_model("digits", tmp_path),
        [BY_NAME["float32"], BY_NAME["int8"]],
        calibration=str(tmp_path / "wrong.npy"),
        cache=tmp_path / "cache",
    )
    assert made.model.fidelity_samples == FidelitySamples("built-in", 16, "built-in")
    assert decibels(made, tmp_path) < 10


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (FidelitySamples("photos", 16, "held-back"), ", on 2 samples held back from calibration"),
        (
            FidelitySamples("photos", 3, "calibration"),
            ", on the 2 samples that it was calibrated on, too few",
        ),
        (FidelitySamples("test.npz", 1, "dataset"), ", on 2 samples of test.npz"),
        (FidelitySamples("generate", 16, "random"), ", on 2 samples of random data"),
        (FidelitySamples("built-in", 16, "built-in"), ", on 2 samples of the built-in test data"),
        (
            FidelitySamples("t", 16, "dataset", 16),
            ", on 2 samples of t, all of which were calibrated on, too",
        ),
        (
            FidelitySamples("t", 16, "dataset", 5),
            ", on 2 samples of t, some of which were calibrated on, too",
        ),
        (None, ""),
    ],
)
def test_the_samples_are_said_and_stored(samples, said):
    """The count is that of the samples compared, two here: there may have been time for fewer."""
    run = typical()
    (model,) = run.models
    made = document(structs.replace(run, models=(structs.replace(model, fidelity_samples=samples),)))
    assert made.models[0].fidelity_samples == samples
    assert f"against float32/cpu@cpu{said}" in printed(made)


def test_models_that_were_compared_on_different_samples_are_told_apart():
    models = (
        Model("a", fidelity_samples=FidelitySamples("x.npz", 4, "dataset")),
        Model("b", fidelity_samples=FidelitySamples("generate", 16, "random")),
        Model("old"),  # of a qbench that did not say
    )
    made = structs.replace(document(typical()), models=models)
    assert "; on 4 samples of x.npz (a), 16 samples of random data (b)" in printed(made)


def printed(made) -> str:
    stream = io.StringIO()
    render(made, Console(file=stream, width=200), "results/a-run")
    return stream.getvalue()
