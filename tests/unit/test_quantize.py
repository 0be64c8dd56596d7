"""Making variants, with the real converter. Slow ones start TensorFlow in child processes."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.config import VariantSpec
from harness.config.standard import STANDARD
from harness.errors import ModelError
from harness.models import resolve_model
from harness.models.builtin import digits_files
from harness.quantize import VariantSet, export_variants, make_variants
from harness.quantize.backends.tflite_converter.reasons import with_unrolling
from harness.quantize.calibration import spread
from harness.record import FidelitySamples, Warning
from harness.tflite import read_model_file
from tests.dequantize import dequantize
from tests.models import dense_model

ROOT = Path(__file__).resolve().parents[2]
OLD_RUNTIME = (2, 14)
BY_NAME = {spec.name: spec for spec in STANDARD}

needs_converter = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow: pip install '.[convert]'"
)

# In a process of its own: two runtimes in one clash. Prints what the interpreter says of inputs and
# outputs and writes the outputs, as they come, for every sample of an .npz.
INVOKE = """
import importlib, json, sys
import numpy as np
runtime, model, samples, result = sys.argv[1:]
interpreter = importlib.import_module(runtime + ".interpreter").Interpreter(model)
interpreter.allocate_tensors()
inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
data = np.load(samples)
rows = []
for i in range(len(data[data.files[0]])):
    for detail in inputs:
        value = data[detail["name"]][i : i + 1]
        scale, zero_point = detail["quantization"]
        if scale:
            limits = np.iinfo(detail["dtype"])
            value = np.clip(np.round(value / scale + zero_point), limits.min, limits.max)
        interpreter.set_tensor(detail["index"], np.resize(value.astype(detail["dtype"]), detail["shape"]))
    interpreter.invoke()
    rows.append(interpreter.get_tensor(outputs[0]["index"])[0])
np.save(result, np.array(rows))
print(json.dumps([[d["name"], *d["quantization"]] for d in inputs + outputs]))
"""

ZOO = """
import os, signal
import tensorflow as tf

def no_16_bit():
    w = tf.constant([[0.1 * i * j for i in range(8)] for j in range(8)])
    print("to stdout"); os.write(1, b"straight to descriptor 1")
    return tf.function(
        lambda x: tf.math.atan2(x @ w, tf.math.cumsum(x)),
        input_signature=[tf.TensorSpec((None, 8), tf.float32, name="x")],
    )

def recurrent(unroll=False):
    import keras
    layers = [keras.Input((6, 4)), keras.layers.LSTM(3, unroll=unroll, name="memory"), keras.layers.Dense(2)]
    return keras.Sequential(layers)

def unrolled():
    return recurrent(unroll=True)

def two_inputs():
    import keras
    small, large = keras.Input((4,), name="small"), keras.Input((6,), name="large")
    return keras.Model([small, large], keras.layers.Dense(2)(small) + keras.layers.Dense(2)(large))

def of_all_keras():
    import keras
    keras.wrappers.SKLearnTransformer(unrolled())
    return unrolled()

def crash():
    os.kill(os.getpid(), signal.SIGSEGV)

def open_sized():
    import keras
    image = keras.Input((None, None, 3), name="image")
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
"""

# A Keras 2 file that Keras 3 refuses (DepthwiseConv2D with groups), and a SavedModel with an open batch
# whose Flatten and Reshape ask for shapes at run time.
MAKE_FILES = """
import sys
import tf_keras as keras
net = keras.Sequential([
    keras.layers.Input((8, 8, 3)), keras.layers.DepthwiseConv2D(3), keras.layers.Flatten(),
    keras.layers.Dense(12), keras.layers.Reshape((3, 4)),
])
net.save(sys.argv[1] + "/keras2.h5")
net.export(sys.argv[1] + "/saved")
"""


def invoke(made, samples: Path, folder: Path, runtime: str = "ai_edge_litert"):
    """(inputs and outputs as the interpreter describes them, raw outputs for every sample)."""
    result = folder / f"{made.variant.name}.npy"
    done = subprocess.run(
        [sys.executable, "-c", INVOKE, runtime, made.path, samples, result],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout), np.load(result)


def codes(made) -> set[str]:
    return {warning.code for warning in made.variant.warnings}


def by_name(made: VariantSet) -> dict:
    return {one.variant.name: one for one in made.variants}


@pytest.fixture
def no_children(monkeypatch):
    """From here on no child process can be started."""
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    (tmp_path / "zoo.py").write_text(ZOO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def make_digits(cache: Path, oldest=OLD_RUNTIME, specs=STANDARD, **more) -> VariantSet:
    return make_variants(
        resolve_model("digits", Path.cwd()), specs, cache=cache, oldest_runtime=oldest, **more
    )


@pytest.fixture(scope="session")
def digits(cache):
    """The built-in model's seven variants, for tflite-runtime 2.14."""
    return make_digits(cache)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    subprocess.run(
        [sys.executable, "-c", MAKE_FILES, folder], capture_output=True, check=True, env=environment
    )
    return folder


@needs_converter
@pytest.mark.slow
def test_all_seven_are_what_they_are_called(digits):
    assert [v.variant.name for v in digits.variants] == [spec.name for spec in STANDARD]
    assert [v.variant.scheme for v in digits.variants] == [spec.name for spec in STANDARD]
    assert not digits.failed


@needs_converter
@pytest.mark.slow
def test_size_and_hash_are_the_file_s(digits):
    for made in digits.variants:
        content = made.path.read_bytes()
        assert made.variant.size_bytes == len(content)
        assert made.variant.sha256 == hashlib.sha256(content).hexdigest()


@needs_converter
@pytest.mark.slow
def test_quantization_is_as_the_interpreter_has_it_and_leads_back_to_real_values(digits, tmp_path):
    variants, samples = by_name(digits), digits.inputs["int8"]
    _, real = invoke(variants["float32"], samples, tmp_path)
    for name in ("int8", "uint8"):
        variant = variants[name].variant
        told, raw = invoke(variants[name], samples, tmp_path)
        known = [(t.name, t.quantization.scales[0], t.quantization.zero_points[0]) for t in
                 (*variant.inputs, *variant.outputs)]  # fmt: skip
        assert [tuple(t) for t in told] == known
        assert raw.dtype == name
        assert np.abs(dequantize(raw, variant.outputs[0].quantization) - real).max() < 0.05


@needs_converter
@pytest.mark.slow
def test_digits_has_learned(digits, cache, tmp_path):
    evaluation = np.load(digits_files(cache).evaluation)
    samples = tmp_path / "x.npz"
    np.savez(samples, **{by_name(digits)["float32"].variant.inputs[0].name: evaluation["x"]})
    _, scores = invoke(by_name(digits)["float32"], samples, tmp_path)
    assert len(scores) == len(evaluation["y"]) == 360
    assert (scores.argmax(axis=1) == evaluation["y"]).mean() > 0.95


@needs_converter
@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("tflite_runtime") is None, reason="needs tflite-runtime (Python up to 3.11)"
)
def test_every_variant_loads_on_the_old_runtime(digits, tmp_path):
    for variant in digits.variants:
        invoke(variant, digits.inputs[variant.variant.name], tmp_path, runtime="tflite_runtime")


@needs_converter
@pytest.mark.slow
def test_the_older_form_is_made_only_where_it_is_needed_and_says_so(digits, cache):
    assert [v.variant.name for v in digits.variants if "compatible-form" in codes(v)] == ["dynamic"]
    usual = make_digits(cache, oldest=None, specs=[BY_NAME["dynamic"]]).variants[0]
    assert not usual.variant.warnings
    assert usual.variant.sha256 != by_name(digits)["dynamic"].variant.sha256
    needs = read_model_file(usual.path).min_runtime_version
    assert tuple(int(n) for n in needs.split(".")[:2]) > OLD_RUNTIME


@needs_converter
@pytest.mark.slow
def test_runtimes_before_2_10_get_one_scale_per_dense_layer(cache):
    """They take one per channel, too, and compute nonsense."""
    (variant,) = make_digits(cache, oldest=(2, 9), specs=[BY_NAME["int8"]]).variants
    assert "compatible-form" in codes(variant)
    info = read_model_file(variant.path)
    weights = [info.tensors[op.inputs[1]] for op in info.ops if op.name == "FULLY_CONNECTED"]
    assert weights
    assert all(len(tensor.quantization.scales) == 1 for tensor in weights)


@needs_converter
@pytest.mark.slow
def test_a_second_run_starts_no_child_and_makes_the_same(digits, cache, no_children):
    told = []
    again = make_digits(cache, on_progress=lambda *step: told.append(step))
    assert again == digits
    assert not told


@needs_converter
@pytest.mark.slow
def test_a_damaged_entry_is_made_again(digits, cache):
    damaged = by_name(digits)["int8"]
    os.truncate(damaged.path, 100)
    told = []
    again = make_digits(cache, on_progress=lambda *step: told.append(step))
    assert told == [("int8", 7, 7)]
    assert again == digits
    assert damaged.path.stat().st_size == damaged.variant.size_bytes


@needs_converter
@pytest.mark.slow
def test_export_copies_the_files_with_their_provenance(digits, tmp_path):
    paths = export_variants(digits, tmp_path / "out")
    assert [p.name for p in paths] == [f"digits_{spec.name}.tflite" for spec in STANDARD]
    for path, variant in zip(paths, digits.variants, strict=True):
        assert path.read_bytes() == variant.path.read_bytes()
    record = json.loads((tmp_path / "out" / "digits_int8.json").read_text())
    variant = by_name(digits)["int8"]
    assert record["source_sha256"] == digits.model.sha256
    assert record["converter"]["name"] == "TFLiteConverter"
    assert record["calibration"]["samples"] == 128
    assert record["settings"]["inference_input_type"] == "int8"
    assert record["inputs"][0]["quantization"]["scales"] == list(
        variant.variant.inputs[0].quantization.scales
    )


@needs_converter
@pytest.mark.slow
def test_custom_settings_and_retired_names(digits, cache, tmp_path):
    np.save(tmp_path / "half.npy", np.linspace(0, 0.5, 640, dtype=np.float32).reshape(10, 8, 8, 1))
    spec = VariantSpec(
        "u8in",
        optimizations=("OPTIMIZE_FOR_SIZE",),
        supported_ops=("TFLITE_BUILTINS_INT8",),
        inference_input_type="uint8",
        inference_output_type="float32",
        representative_dataset=str(tmp_path / "half.npy"),
        needs_calibration=True,
        notes=("OPTIMIZE_FOR_SIZE is DEFAULT",),
    )
    wrong = dataclasses.replace(spec, name="wrong", optimizations=("FASTEST",))
    made = make_digits(cache, specs=[spec, wrong])
    variant = made.variants[0].variant
    assert (variant.inputs[0].dtype, variant.outputs[0].dtype) == ("uint8", "float32")
    assert variant.inputs[0].quantization.scales[0] == pytest.approx(0.5 / 255, rel=1e-3)
    assert variant.warnings == (Warning("note", "OPTIMIZE_FOR_SIZE is DEFAULT"),)
    assert [f.name for f in made.failed] == ["wrong"]
    assert "FASTEST" in made.failed[0].reason


@needs_converter
@pytest.mark.slow
def test_one_variant_that_cannot_be_made_costs_no_other_and_is_remembered(zoo, cache):
    source = resolve_model("zoo:no_16_bit", zoo)
    specs = [BY_NAME["float32"], BY_NAME["int8"], BY_NAME["int16x8"]]
    made = make_variants(source, specs, cache=cache)
    assert [v.variant.name for v in made.variants] == ["float32", "int8"]
    assert [f.name for f in made.failed] == ["int16x8"]
    assert "ATAN2" in made.failed[0].reason and "\n" not in made.failed[0].reason
    assert [codes(v) for v in made.variants] == [set(), {"generated-calibration"}]
    told = []
    assert make_variants(source, specs, cache=cache, on_progress=lambda *s: told.append(s)) == made
    assert not told


@needs_converter
@pytest.mark.slow
def test_a_recurrent_layer_that_the_converter_dies_of_is_named_with_what_helps(zoo, cache):
    made = make_variants(resolve_model("zoo:recurrent", zoo), [BY_NAME["int8"]], cache=cache)
    (failed,) = made.failed
    assert "SIGSEGV" in failed.reason and "(memory); built with unroll=True" in failed.reason
    made = make_variants(resolve_model("zoo:unrolled", zoo), [BY_NAME["int8"]], cache=cache)
    assert [v.variant.name for v in made.variants] == ["int8"]


def test_a_crash_is_not_blamed_on_what_a_model_does_not_have():
    assert with_unrolling("the converter was killed by SIGSEGV", []) == "the converter was killed by SIGSEGV"
    assert with_unrolling("no kernel", ["lstm"]) == "no kernel"


@needs_converter
@pytest.mark.slow
def test_a_callable_may_use_what_no_model_file_needs_of_keras(zoo, cache):
    made = make_variants(resolve_model("zoo:of_all_keras", zoo), [BY_NAME["float32"]], cache=cache)
    assert [v.variant.name for v in made.variants] == ["float32"]


@needs_converter
@pytest.mark.slow
def test_inputs_are_told_apart_by_name_and_a_batch_is_fixed(zoo, cache):
    rng = np.random.default_rng(0)
    small, large = rng.uniform(0, 1, (50, 4)), rng.uniform(0, 10, (50, 6))
    small[0], large[0] = 1, 10
    np.savez(zoo / "data.npz", large=large.astype(np.float32), small=small.astype(np.float32))
    source = resolve_model("zoo:two_inputs", zoo)
    made = make_variants(source, [BY_NAME["int8"]], calibration="data.npz", batch=4, cache=cache)
    inputs = {t.shape: t for t in made.variants[0].variant.inputs}
    assert set(inputs) == {(4, 4), (4, 6)}
    assert inputs[4, 4].quantization.scales[0] == pytest.approx(1 / 255, rel=1e-3)
    assert inputs[4, 6].quantization.scales[0] == pytest.approx(10 / 255, rel=1e-3)
    assert made.variants[0].variant.calibration.samples == 38
    assert made.model.fidelity_samples == FidelitySamples("data.npz", 12, "held-back")
    with np.load(made.inputs["int8"]) as samples:
        held_back = large[spread(50, 12)]
        assert np.array_equal(samples[inputs[4, 6].name], held_back.astype(np.float32))


@needs_converter
@pytest.mark.slow
def test_a_saved_model_with_an_open_batch_becomes_static(files, cache):
    made = make_variants(resolve_model("saved", files), [BY_NAME["float32"]], cache=cache)
    info = read_model_file(made.variants[0].path)
    assert [t.shape_signature for t in (*info.inputs, *info.outputs)] == [(1, 8, 8, 3), (1, 3, 4)]
    assert not {op.name for op in info.ops} & {"SHAPE", "STRIDED_SLICE", "PACK", "READ_VARIABLE"}


@needs_converter
@pytest.mark.slow
def test_a_keras_2_file_that_keras_3_refuses(files, cache):
    made = make_variants(resolve_model("keras2.h5", files), [BY_NAME["float32"]], cache=cache)
    assert "DEPTHWISE_CONV_2D" in {op.name for op in read_model_file(made.variants[0].path).ops}


@needs_converter
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("zoo:crash", "SIGSEGV"),
        (
            "zoo:open_sized",
            "has free dimensions; fix them with --shape, for example --shape image=1x224x224x3",
        ),
        ("junk.keras", "a .keras file is a zip archive"),
    ],
)
def test_a_model_that_cannot_be_built_is_one_line(zoo, cache, model, said):
    (zoo / "junk.keras").write_bytes(b"junk")
    with pytest.raises(ModelError, match=said) as caught:
        make_variants(resolve_model(model, zoo), STANDARD, cache=cache)
    assert str(caught.value).startswith(model) and "\n" not in str(caught.value)


def test_without_tensorflow_the_way_to_it_is_said(tmp_path):
    """In a Python that sees no installed packages but those that qbench cannot do without."""
    (tmp_path / "packages").mkdir()
    for name in ("msgspec", "platformdirs"):
        found = importlib.util.find_spec(name)
        assert found is not None and found.origin is not None
        (tmp_path / "packages" / name).symlink_to(Path(found.origin).parent)
    code = (
        "from pathlib import Path; from harness.models import resolve_model\n"
        "from harness.quantize import make_variants; from harness.config.standard import STANDARD\n"
        "here = Path.cwd()\n"
        "make_variants(resolve_model('digits', here), STANDARD, cache=here)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path / "packages")])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.splitlines()[-1].endswith("pip install 'qbench-tflite[convert]'")


def test_ready_files_keep_their_names_and_one_bad_file_costs_no_other(tmp_path, no_children):
    model = dense_model(seed=1)
    contents = {"a": model, "twin": model, "cut": model[: len(model) // 2], "empty": b""}
    folder = tmp_path / "ready"
    folder.mkdir()
    for stem, content in contents.items():
        (folder / f"{stem}.tflite").write_bytes(content)
    made = make_variants(resolve_model("ready", tmp_path), STANDARD, cache=tmp_path / "cache")
    assert [(v.variant.name, v.variant.scheme) for v in made.variants] == [
        ("a", "float32"),
        ("twin", "float32"),
    ]
    assert [f.name for f in made.failed] == ["cut", "empty"]
    assert made.inputs["a"] == made.inputs["twin"]
    with np.load(made.inputs["a"]) as samples:
        assert samples["input"].shape == (16, 4)


def test_files_whose_stems_are_the_same_stay_two_variants(tmp_path, no_children):
    folder = tmp_path / "ready"
    folder.mkdir()
    for name, seed in (("a.TFLITE", 1), ("a.tflite", 2), ("b.tflite", 3)):
        (folder / name).write_bytes(dense_model(seed))
    if len(list(folder.iterdir())) < 3:
        pytest.skip("needs a file system that tells upper from lower case")
    made = make_variants(resolve_model("ready", tmp_path), STANDARD, cache=tmp_path / "cache")
    assert [v.variant.name for v in made.variants] == ["a.TFLITE", "a.tflite", "b"]
    assert [v.given.name for v in made.variants] == ["a.TFLITE", "a.tflite", "b.tflite"]


def test_a_file_name_that_no_runtime_can_open_costs_no_other(tmp_path, no_children):
    folder = tmp_path / "ready"
    folder.mkdir()
    odd = os.fsdecode(b"x\xff.tflite")
    for name in ("a.tflite", odd):
        (folder / name).write_bytes(dense_model(seed=1))
    made = make_variants(resolve_model("ready", tmp_path), STANDARD, cache=tmp_path / "cache")
    assert [v.variant.name for v in made.variants] == ["a"]
    (failed,) = made.failed
    assert failed.name == r"x\xff"
    assert "not UTF-8" in failed.reason
    with pytest.raises(ModelError, match="not UTF-8"):
        make_variants(resolve_model(odd, folder), STANDARD, cache=tmp_path / "cache")


def test_exported_files_follow_the_umask(tmp_path, no_children):
    (tmp_path / "good.tflite").write_bytes(dense_model(seed=1))
    made = make_variants(resolve_model("good.tflite", tmp_path), STANDARD, cache=tmp_path / "cache")
    before = os.umask(0o022)
    try:
        (path,) = export_variants(made, tmp_path / "out")
    finally:
        os.umask(before)
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {"good_float32.tflite": 0o644, "good_float32.json": 0o644}


def test_a_single_ready_file_is_named_by_its_scheme_and_a_bad_one_is_an_error(tmp_path, no_children):
    (tmp_path / "good.tflite").write_bytes(dense_model(seed=1))
    (tmp_path / "bad.tflite").write_bytes(b"")
    good = make_variants(resolve_model("good.tflite", tmp_path), STANDARD, cache=tmp_path / "cache")
    assert [(v.variant.name, v.variant.converter) for v in good.variants] == [("float32", None)]
    with pytest.raises(ModelError, match=r"bad\.tflite"):
        make_variants(resolve_model("bad.tflite", tmp_path), STANDARD, cache=tmp_path / "cache")


def test_a_cache_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "good.tflite").write_bytes(dense_model(seed=1))
    (tmp_path / "cache").write_text("a file, no folder")
    with pytest.raises(ModelError, match="cannot be written"):
        make_variants(resolve_model("good.tflite", tmp_path), STANDARD, cache=tmp_path / "cache")
