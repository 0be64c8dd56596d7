"""Labelled samples: where labels are found, in what order samples are evaluated, what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from delegates.wire import CLASSES, MEAN_SQUARED, OUTPUTS
from harness.errors import ModelError
from harness.models import ModelSource, resolve_model
from harness.quantize import metrics
from harness.quantize.calibration import HeldData, InputSpec, load_calibration, load_labelled
from harness.quantize.evaluation import with_evaluation
from harness.quantize.variants import MadeVariant, VariantSet
from harness.record import Calibration, Model, Tensor
from tests.unit.run_builder import variant

X = InputSpec("serving_default_x:0", "float32", (1, 4))
IDS = InputSpec("ids", "int32", (1, 2))
IMAGE = InputSpec("image", "float32", (1, 2, 2, 3))
SAMPLES = np.arange(40, dtype=np.float32).reshape(10, 4)
LABELS = np.arange(10) % 3


def batches():
    """As a tf.data.Dataset gives them: (x, y)."""
    yield SAMPLES[:6], LABELS[:6]
    yield SAMPLES[6:], LABELS[6:]


def single():
    return [(x, y) for x, y in zip(SAMPLES, LABELS, strict=True)]


@pytest.mark.parametrize(
    "source",
    [
        {"x": SAMPLES, "labels": LABELS},
        {"x": SAMPLES, "y": LABELS},
        (SAMPLES, LABELS),
        (SAMPLES, LABELS, np.ones(10)),
        list(batches()),
        batches(),
        single(),
        [{"x": SAMPLES, "label": LABELS}],
        [({"x": SAMPLES}, LABELS)],
    ],
    ids=["dict", "y", "tuple", "weights", "batches", "generator", "samples", "named", "nested"],
)
def test_labels_of_what_a_program_holds(source):
    found = load_labelled(HeldData(source), [X])
    assert np.array_equal(found.arrays[X.name], SAMPLES) and np.array_equal(found.labels, LABELS)


def test_labels_of_a_file_and_of_a_callable(tmp_path, monkeypatch):
    np.savez(tmp_path / "data.npz", x=SAMPLES, labels=LABELS)
    found = load_labelled(f"{tmp_path}/data.npz,samples=7", [X])
    assert np.array_equal(found.labels, LABELS[:7]) and found.how == "the first 7 of 10 samples"
    assert load_calibration(str(tmp_path / "data.npz"), [X], tmp_path / "cache").samples == 10
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "import numpy as np\ndef data():\n    f = np.load('data.npz')\n    return f['x'], f['labels']\n"
    )
    assert np.array_equal(load_labelled("mine:data", [X]).labels, LABELS)


def test_an_input_called_like_labels_holds_none(tmp_path):
    np.savez(tmp_path / "data.npz", x=SAMPLES, y=np.zeros((10, 2), np.int32))
    assert load_labelled(str(tmp_path / "data.npz"), [X, InputSpec("y", "int32", (1, 2))]) is None
    np.save(tmp_path / "data.npy", SAMPLES)
    assert load_labelled(str(tmp_path / "data.npy"), [X]) is None
    assert load_labelled("generate", [X]) is None


def test_as_many_labels_as_samples(tmp_path):
    np.savez(tmp_path / "data.npz", x=SAMPLES, labels=LABELS[:9])
    with pytest.raises(ModelError, match=r"10 samples, but labels of shape \(9,\)"):
        load_labelled(str(tmp_path / "data.npz"), [X])


def test_classes_are_the_folders_in_the_order_of_their_names(tmp_path):
    for name in ("b", "a", "c"):
        (tmp_path / name).mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (2, 2)).save(tmp_path / name / "1.png")
    (tmp_path / "b" / "deeper").mkdir()
    Image.new("RGB", (2, 2)).save(tmp_path / "b" / "deeper" / "2.png")
    assert load_labelled(str(tmp_path), [IMAGE]).labels.tolist() == [0, 1, 1]
    Image.new("RGB", (2, 2)).save(tmp_path / "loose.png")
    assert load_labelled(str(tmp_path), [IMAGE]) is None


def scores(classes: int = 3, dtype: str = "float32") -> tuple[Tensor, ...]:
    return (Tensor("scores", dtype, (1, classes)),)


@pytest.mark.parametrize(
    ("labels", "outputs", "keep", "expected"),
    [
        (LABELS, scores(), CLASSES, LABELS),
        (LABELS[:, np.newaxis], scores(), CLASSES, LABELS),
        (LABELS.astype(np.float32), scores(), CLASSES, LABELS),
        (np.eye(3)[LABELS], scores(), CLASSES, LABELS),
        (LABELS % 2, scores(1), CLASSES, LABELS % 2),
        (LABELS, (Tensor("best", "int64", (1,)),), CLASSES, LABELS),
        (SAMPLES, scores(4), MEAN_SQUARED, SAMPLES),
        (SAMPLES[:, 0] + 0.5, scores(1), MEAN_SQUARED, SAMPLES[:, :1] + 0.5),
        (SAMPLES.reshape(10, 2, 2), (Tensor("map", "float32", (1, 2, 2)),), MEAN_SQUARED, SAMPLES),
    ],
)
def test_the_metric_that_fits(labels, outputs, keep, expected):
    found = metrics.choose(None, labels, outputs, "dataset d")
    assert (found.keep, found.metric) == (keep, "top1" if keep == CLASSES else "mse")
    assert np.array_equal(found.labels, expected)


def test_metrics_that_do_not_fit():
    with pytest.raises(ModelError, match="labels from 0 to 2, but the model's output tells 2 classes apart"):
        metrics.choose("top1", LABELS, scores(2), "dataset d")
    with pytest.raises(ModelError, match="no classes"):
        metrics.choose("top1", SAMPLES, scores(4), "dataset d")
    with pytest.raises(ModelError, match="neither classes nor targets"):
        metrics.choose(None, SAMPLES, scores(3), "dataset d")
    with pytest.raises(ModelError, match="the model has 2 outputs"):
        metrics.choose(None, LABELS, scores() * 2, "dataset d")
    own = metrics.choose("mine:metric", LABELS, scores() * 2, "dataset d")
    assert own.keep == OUTPUTS and own.labels is LABELS


def made(**more) -> tuple[VariantSet, ModelSource]:
    inputs = (Tensor("x", "float32", (1, 4)),)
    one = variant("float32", inputs=inputs, outputs=scores(), model="net", **more)
    return VariantSet(Model("net"), (MadeVariant(one, None),)), None  # type: ignore[arg-type]


def test_samples_come_in_a_random_order_that_is_always_the_same(tmp_path):
    """A source that is sorted by class would show a slow cell one class only."""
    found, source = made()
    labels = np.repeat([0, 1, 2], 100)
    data = {"x": np.arange(1200, dtype=np.float32).reshape(300, 4), "labels": labels}
    first, again = (
        with_evaluation(found, source, HeldData(data), None, tmp_path / name) for name in ("one", "two")
    )
    assert first.evaluation.record == again.evaluation.record
    path = first.evaluation.inputs["float32"]
    assert path.read_bytes() == again.evaluation.inputs["float32"].read_bytes()
    order = np.load(path)["x"][:, 0].astype(int) // 4
    assert sorted(order) == list(range(300)) and len(set(labels[order[:20]])) == 3
    assert np.array_equal(first.evaluation.given, labels[order])


def test_samples_that_something_was_calibrated_on_are_left_out(tmp_path):
    found, source = made()
    np.savez(tmp_path / "calibration.npz", x=SAMPLES[2:5])
    calibration = load_calibration(str(tmp_path / "calibration.npz"), [X], tmp_path / "calibration")
    one = found.variants[0].variant
    from msgspec.structs import replace

    used = replace(one, calibration=Calibration("c", 3, calibration.sha256))
    found = VariantSet(found.model, (MadeVariant(used, None),))  # type: ignore[arg-type]
    data = {"x": SAMPLES, "labels": LABELS}
    evaluated = with_evaluation(found, source, HeldData(data), None, tmp_path)
    assert (evaluated.evaluation.record.samples, evaluated.evaluation.record.excluded) == (7, 3)
    kept = np.load(evaluated.evaluation.inputs["float32"])["x"][:, 0]
    assert not set(kept) & set(SAMPLES[2:5, 0])
    only = with_evaluation(found, source, HeldData({"x": SAMPLES[2:5], "labels": LABELS[:3]}), None, tmp_path)
    assert only.evaluation is None
    assert only.variants[0].variant.evaluation.problem == "every sample was calibrated on"


def test_a_problem_with_the_labels_is_kept_unless_a_metric_was_asked_for(tmp_path):
    found, source = made()
    data = HeldData({"x": SAMPLES, "labels": LABELS + 7})
    evaluated = with_evaluation(found, source, data, None, tmp_path)
    assert evaluated.evaluation is None
    assert "labels from 7 to 9" in evaluated.variants[0].variant.evaluation.problem
    with pytest.raises(ModelError, match="labels from 7 to 9"):
        with_evaluation(found, source, data, "top1", tmp_path)
    with pytest.raises(ModelError, match="metric top1: no --dataset"):
        with_evaluation(found, resolve_model(b"", tmp_path), None, "top1", tmp_path)
