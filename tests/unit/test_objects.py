"""Models and data that a program holds: objects, bytes, paths, arrays, datasets, generators."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.config.standard import STANDARD
from harness.errors import ModelError
from harness.models import resolve_model
from harness.quantize import make_variants
from harness.quantize.calibration import HeldData, InputSpec, as_source, load_calibration, load_split
from tests.models import dense_model
from tests.unit.test_quantize import ROOT, invoke, needs_converter

X, Y = InputSpec("x", "float32", (1, 4)), InputSpec("y", "float32", (1, 2))
ARRAY = np.arange(80, dtype=np.float32).reshape(20, 4)


def values(samples) -> list[float]:
    with np.load(samples.path) as file:
        return [float(value) for name in file.files for value in file[name].ravel()]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (ARRAY, "array float32 (20, 4)"),
        ({"x": ARRAY}, "dict of x"),
        (list(ARRAY), "list"),
        ((row for row in ARRAY), "generator"),
        ((ARRAY, np.zeros(20)), "tuple"),  # with labels
        (lambda: iter(ARRAY), "function"),
        ([(ARRAY[:8], np.zeros(8)), (ARRAY[8:], np.zeros(12))], "list"),  # batches with labels
    ],
)
def test_data_of_every_kind(tmp_path, data, name):
    found = load_calibration(as_source(data), [X], tmp_path)
    assert (found.source, found.samples, found.generated) == (name, 20, False)
    assert values(found) == list(range(80))


def test_the_same_data_is_the_same_file(tmp_path):
    first, second = (
        load_calibration(as_source(data), [X], tmp_path) for data in (ARRAY, {"x": ARRAY.copy()})
    )
    assert (first.sha256, first.path) == (second.sha256, second.path)


def test_several_inputs(tmp_path):
    both = {"y": np.zeros((20, 2), np.float32), "x": ARRAY}
    for data in (both, [(row, np.zeros(2, np.float32)) for row in ARRAY]):
        assert values(load_calibration(as_source(data), [X, Y], tmp_path)) == [*range(80), *[0] * 40]


def test_a_generator_is_read_once_for_several_models(tmp_path):
    data = as_source(row for row in ARRAY)
    assert values(load_calibration(data, [X], tmp_path)) == values(load_calibration(data, [X], tmp_path))
    assert as_source(data) is data


def test_an_endless_generator(tmp_path):
    def endless():
        while True:
            yield np.ones(4, np.float32)

    assert load_calibration(as_source(endless()), [X], tmp_path).samples == 256


def test_samples_of_an_array_are_held_back(tmp_path):
    main, other = load_split(as_source(ARRAY), [X], tmp_path)
    assert (main.samples, other.samples) == (15, 5)
    assert sorted(values(main) + values(other)) == list(range(80))


def test_paths_are_texts_and_the_same_object_is_the_same_data(tmp_path):
    assert as_source(tmp_path / "x.npy") == str(tmp_path / "x.npy")
    assert as_source(None) is None and as_source("generate") == "generate"
    assert HeldData(ARRAY) == HeldData(ARRAY) != HeldData(ARRAY.copy())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (ARRAY[:, :3], r'calibration array float32 \(20, 3\): input "x" wants shape \(samples, 4\), found'),
        ({"z": ARRAY, "y": ARRAY}, 'calibration dict of z, y: no array for input "x"; found: z, y'),
        ([], "calibration list: it has no samples"),
        (3, "calibration int: expected an array, a dict of arrays or an iterable, found int"),
        (ARRAY * np.nan, r"calibration array .*: 80 values are NaN or infinite"),
        ((1 / 0 for _ in [1]), "calibration generator: raised ZeroDivisionError: division by zero"),
    ],
)
def test_data_that_does_not_fit_is_one_line(tmp_path, data, said):
    inputs = [X, Y] if isinstance(data, dict) else [X]
    with pytest.raises(ModelError, match=said):
        load_calibration(as_source(data), inputs, tmp_path)


def test_a_ready_file_by_its_path_and_by_its_bytes(tmp_path):
    (tmp_path / "net.tflite").write_bytes(dense_model(seed=1))
    by_path = resolve_model(Path("net.tflite"), tmp_path)
    by_bytes = resolve_model(dense_model(seed=1), tmp_path)
    assert by_path == resolve_model("net.tflite", tmp_path)
    assert (by_bytes.name, by_bytes.kind, by_bytes.source) == ("model", "tflite", "bytes")
    made = make_variants(by_bytes, STANDARD, cache=tmp_path / "cache", calibration=ARRAY)
    same = make_variants(by_path, STANDARD, cache=tmp_path / "cache", calibration=ARRAY)
    assert made.variants[0].path == same.variants[0].path
    assert made.model.fidelity_samples.source == "array float32 (20, 4)"
    with pytest.raises(ModelError, match=r"bytes: not a valid \.tflite"):
        make_variants(resolve_model(b"junk", tmp_path), STANDARD, cache=tmp_path / "cache")


def test_a_path_is_never_a_built_in_name(tmp_path):
    with pytest.raises(ModelError, match="digits: no such"):
        resolve_model(Path("digits"), tmp_path)


def test_an_object_that_is_no_model(tmp_path):
    with pytest.raises(ModelError, match="dict object: not a model; expected"):
        resolve_model({}, tmp_path)


# In a process of its own: TensorFlow and a runtime in one clash. Makes variants of objects; prints, for each,
# the model's name, kind and source, its variants, what failed, and whether a second call made anything.
OBJECTS = """
import json, sys
from pathlib import Path
import keras
import numpy as np
import tensorflow as tf
from harness.config.standard import STANDARD
from harness.models import resolve_model
from harness.quantize import make_variants

here = Path(sys.argv[1])
keras.utils.set_random_seed(0)
x = np.random.default_rng(0).uniform(-1, 1, (40, 4)).astype(np.float32)
specs = [spec for spec in STANDARD if spec.name in ("float32", "int8")]


class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2.0


class Module(tf.Module):
    def __init__(self):
        super().__init__(name="scaled")
        self.factor = tf.Variable([1.0, 2.0, 3.0, 4.0])

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def __call__(self, x):
        return x * self.factor


plain = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3)], name="plain")
custom = keras.Sequential([keras.Input((4,), name="x"), Doubled(), keras.layers.Dense(3)], name="my-net")
lambdas = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Lambda(lambda x: x * 3.0)])
module = Module()
signature = [tf.TensorSpec((1, 4), name="x")]
function = tf.function(lambda x: x @ module.factor[:, None], input_signature=signature)
objects = {
    "plain": (plain, x, plain),
    "custom": (custom, tf.data.Dataset.from_tensor_slices((x, np.zeros(40))).batch(8), custom),
    "lambdas": (lambdas, {"x": x}, lambdas),
    "module": (module, (row for row in x), module),
    "concrete": (function.get_concrete_function(), list(x), function),
}
found = {}
for name, (model, data, call) in objects.items():
    source = resolve_model(model, here)
    made = make_variants(source, specs, calibration=data, cache=here / "cache")
    again, count = [], lambda *progress: again.append(progress)
    if name in ("plain", "concrete"):
        make_variants(source, specs, calibration=x, cache=here / "cache", on_progress=count)
    with np.load(made.inputs["float32"]) as file:
        (samples,) = (file[key] for key in file.files)
    rows = [np.asarray(call(tf.constant(row[None]))) for row in samples]
    np.save(here / f"{name}.npy", np.concatenate(rows))
    found[name] = {
        "model": [made.model.name, source.kind, made.model.source],
        "calibrated_on": made.variants[-1].variant.calibration.source,
        "variants": {v.variant.name: str(v.path) for v in made.variants},
        "failed": [f.reason for f in made.failed],
        "inputs": str(made.inputs["float32"]),
        "again": len(again),
    }
print(json.dumps(found))
"""


@needs_converter
@pytest.mark.slow
def test_models_of_every_kind(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", OBJECTS, tmp_path], env={"PYTHONPATH": str(ROOT)}, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert [made["model"] for made in found.values()] == [
        ["plain", "object", "Sequential object"],
        ["my-net", "object", "Sequential object"],
        ["sequential", "object", "Sequential object"],
        ["scaled", "object", "Module object"],
        ["model", "object", "ConcreteFunction object"],
    ]
    assert [made["calibrated_on"] for made in found.values()] == [
        "array float32 (40, 4)", "BatchDataset", "dict of x", "generator", "list",
    ]  # fmt: skip
    for name, made in found.items():
        assert (list(made["variants"]), made["failed"]) == (["float32", "int8"], []), name
        _, outputs = invoke_file(Path(made["variants"]["float32"]), Path(made["inputs"]), tmp_path)
        np.testing.assert_allclose(
            outputs.reshape(-1), np.load(tmp_path / f"{name}.npy").reshape(-1), rtol=1e-4
        )
    assert all(made["again"] == 0 for made in found.values())


def invoke_file(path: Path, samples: Path, folder: Path):
    class Made:
        class variant:
            name = "float32"

    Made.path = path
    return invoke(Made, samples, folder)
