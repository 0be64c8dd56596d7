"""Models with free dimensions or several signatures: --shape and --signature, from the command to the run."""
# ruff: noqa: RUF001 (the typographic signs are meant)

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import qbench as api
from harness.tflite import read_model_file
from tests.cli.conftest import COMMAND, environment, wait_for_launches
from tests.models import free_model, signatures_model

needs_converter = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow: pip install '.[convert]'"
)
BOTH_RUNTIMES = """
[devices.new]
delegates = ["cpu", "xnnpack"]
runtime = "ai-edge-litert"
[devices.old]
delegates = ["cpu", "xnnpack"]
runtime = "tflite-runtime"
"""

# Three models of one set of weights: images of any size, lists of any length, and both of them in one file.
MODELS = """
import sys
import keras, numpy as np, tensorflow as tf

class Both(tf.Module):
    def __init__(self):
        self.filters = tf.Variable(tf.random.stateless_normal([3, 3, 3, 8], [1, 2]))
        self.weights = tf.Variable(tf.random.stateless_normal([8, 10], [3, 4]))

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="image")])
    def classify(self, image):
        found = tf.nn.relu(tf.nn.conv2d(image, self.filters, 2, "SAME"))
        return {"scores": tf.reduce_mean(found, [1, 2]) @ self.weights}

    @tf.function(input_signature=[tf.TensorSpec([None, 8], tf.float32, name="codes")])
    def decode(self, codes):
        return {"scores": tf.nn.softmax(codes @ self.weights)}

def net():
    image = keras.Input((None, None, 3), name="image")
    found = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3)(image))
    return keras.Model(image, keras.layers.Dense(10)(found))

if __name__ == "__main__":
    folder = sys.argv[1]
    both = Both()
    signatures = {name: getattr(both, name).get_concrete_function() for name in ("classify", "decode")}
    tf.saved_model.save(both, folder + "/saved", signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(folder + "/saved", signature_keys=[*signatures])
    with open(folder + "/several.tflite", "wb") as file:
        file.write(converter.convert())
    keras.utils.set_random_seed(0)
    net().save(folder + "/net.keras")
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """net.keras, saved/ with two signatures, several.tflite with the same; models.py makes them."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "models.py").write_text(MODELS)
    done = subprocess.run(
        [sys.executable, "models.py", "."], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def cells_of(done: subprocess.CompletedProcess) -> list[dict]:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["cells"]


@needs_converter
def test_a_sweep_has_a_baseline_for_each_shape(qbench, models, tmp_path):
    shapes = ["image=1x8x8x3", "image=1x48x48x3"]
    options = [part for shape in shapes for part in ("--shape", shape)]
    asked = ("--variant", "float32", "--variant", "int8", "--budget", "0.1", *options)
    done = qbench("run", "--model", models / "net.keras", *asked, "--json", "-")
    cells = cells_of(done)
    assert [(c["shape"], c["signature"], c["status"]) for c in cells] == [
        (shape, None, "ok") for shape in shapes for _ in range(4)
    ]
    assert len({cell["id"] for cell in cells}) == 8
    for shape in shapes:
        (base,) = (c for c in cells if c["shape"] == shape and c["baseline"])
        assert (base["variant"], base["delegate"]) == ("float32", "cpu")
        others = [c for c in cells if c["shape"] == shape and c["variant"] == "float32"]
        assert all(c["fidelity"]["max_abs_error"] < 1e-4 for c in others)
    document = json.loads(done.stdout)
    assert [(c["model"], c["shape"]) for c in document["conclusions"]] == [("net", s) for s in shapes]
    assert [m["name"] for m in document["models"]] == ["net"]
    run = api.load(results=tmp_path / "results")
    assert run["int8", "xnnpack", shapes[1]].shape == shapes[1]
    with pytest.raises(api.CellNotFound, match="2 cells are called int8/xnnpack: net image=1x8x8x3"):
        _ = run["int8", "xnnpack"]
    assert set(run.samples()["shape"]) == set(shapes)
    again = qbench("show").stdout
    assert all(f"net {shape} on xnnpack" in again for shape in shapes)
    compared = json.loads(qbench("compare", "latest", "latest", "--format", "json").stdout)
    assert {(c["shape"], c["verdict"]) for c in compared["cells"]} <= {
        (shape, verdict) for shape in shapes for verdict in ("same", "undecided")
    }


@needs_converter
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="tflite-runtime ends with Python 3.11")
def test_signatures_of_a_tflite_on_both_runtimes(qbench, models, tmp_path):
    (tmp_path / "both.toml").write_text(BOTH_RUNTIMES)
    common = ("--devices-file", "both.toml", "--model", models / "several.tflite", "--budget", "0.1")
    decode = cells_of(qbench("run", *common, "--signature", "decode", "--shape", "4x8", "--json", "-"))
    classify = cells_of(
        qbench("run", *common, "--signature", "classify", "--shape", "image=1x16x16x3", "--json", "-")
    )
    for cells, signature, shape, ops in (
        (decode, "decode", "codes=4x8", 2),
        (classify, "classify", "image=1x16x16x3", 3),
    ):
        assert len(cells) == 4
        for cell in cells:
            assert (cell["status"], cell["signature"], cell["shape"]) == ("ok", signature, shape)
            assert cell["ops"]["total"] == cell["ops"]["delegated"] == ops
            assert cell["fidelity"]["max_abs_error"] < 1e-4
            assert not {"several-signatures", "free-dimensions"} & {w["code"] for w in cell["warnings"]}


@needs_converter
def test_signatures_of_a_saved_model(qbench, models):
    ask = ("quantize", "--model", models / "saved", "--variant", "float32", "--quiet")
    none = qbench(*ask, "--out", "out")
    assert none.returncode == 2
    assert "choose one with --signature: classify, decode" in none.stderr
    wrong = qbench(*ask, "--signature", "encode", "--out", "out")
    assert "--signature encode: no such signature; the SavedModel has classify, decode" in wrong.stderr
    free = qbench(*ask, "--signature", "classify", "--out", "out")
    assert "input image [?×?×?×3] has free dimensions; fix them with --shape" in free.stderr
    fixed = qbench(*ask, "--signature", "classify", "--shape", "1x9x9x4", "--out", "out")
    assert "--shape image=1x9x9x4: the model's input is image [?×?×?×3]" in fixed.stderr
    made = qbench(*ask, "--signature", "decode", "--out", "out")
    assert made.stdout == "out/saved_float32_decode.tflite\n"


@needs_converter
def test_each_shape_and_signature_is_a_file_of_its_own(qbench, models, tmp_path):
    """Also where the cache has the others already."""
    for arguments, shape, name in (
        (("saved", "--signature", "decode", "--shape", "2x8"), (2, 8), "saved_float32_decode_codes=2x8"),
        (("saved", "--signature", "decode", "--shape", "5x8"), (5, 8), "saved_float32_decode_codes=5x8"),
        (("saved", "--signature", "decode", "--batch", "3"), (3, 8), "saved_float32_decode"),
        (("saved", "--signature", "decode"), (1, 8), "saved_float32_decode"),
        (("models:net", "--shape", "1x8x9x3"), (1, 8, 9, 3), "net_float32_image=1x8x9x3"),
    ):
        model = arguments[0] if ":" in arguments[0] else models / arguments[0]
        done = qbench(
            "quantize", "--model", model, *arguments[1:], "--variant", "float32", "--out", tmp_path / "out",
            cwd=models,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (tensor,) = read_model_file(tmp_path / "out" / f"{name}.tflite").inputs
        assert tensor.shape == shape
        told = json.loads((tmp_path / "out" / f"{name}.json").read_text())
        assert (told["shape"] is None) == ("--shape" not in arguments)


@needs_converter
def test_models_that_are_objects(models, monkeypatch, tmp_path, cache):
    """In a program of their own, which imports TensorFlow."""
    monkeypatch.setenv("QBENCH_CACHE", str(cache))
    program = """
import models, qbench, sys
both = models.Both()
ask = {"variants": "float32", "signature": "classify", "shape": {"image": (1, 6, 7, 3)}}
(made,) = qbench.quantize(both, **ask)
(one,) = made.variants
print(one.variant.shape, one.variant.signature, one.variant.inputs[0].shape)
try:
    qbench.quantize(both, variants="float32")
except qbench.ModelError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=models, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "image=1x6x7x3 classify (1, 6, 7, 3)"
    assert second.endswith(
        "the tf.Module has several signatures, and none is __call__: choose one with --signature: classify,"
        " decode"
    )


def test_a_shape_of_a_ready_file_without_tensorflow(qbench, tmp_path):
    (tmp_path / "free.tflite").write_bytes(free_model())
    asked = ("--shape", "x=1x6x4", "--shape", "x=1x60x4")
    cells = cells_of(qbench("run", "--model", "free.tflite", *asked, "--budget", "0.1", "--json", "-"))
    assert [(c["shape"], c["delegate"], c["status"]) for c in cells] == [
        (shape, delegate, "ok") for shape in ("x=1x6x4", "x=1x60x4") for delegate in ("cpu", "xnnpack")
    ]
    assert {c["ops"]["delegated"] for c in cells} == {2}
    unchosen = cells_of(qbench("run", "--model", "free.tflite", "--budget", "0.1", "--json", "-"))
    assert all(
        (c["shape"], "free-dimensions" in {w["code"] for w in c["warnings"]}) == (None, True)
        for c in unchosen
    )
    wrong = qbench("run", "--model", "free.tflite", "--shape", "x=1x6x5")
    assert wrong.returncode == 2
    assert wrong.stderr.splitlines()[-1].endswith("--shape x=1x6x5: the model's input is x [?×?×4]")


def test_inspect_and_compat_with_a_shape(qbench, tmp_path):
    (tmp_path / "free.tflite").write_bytes(free_model())
    (tmp_path / "several.tflite").write_bytes(signatures_model(("score", 4, 3), ("embed", 2, 5)))
    plain = qbench("inspect", "free.tflite").stdout
    assert "? is a free dimension; MACs are for 1×1×4, --shape chooses others" in plain
    shaped = qbench("inspect", "free.tflite", "--shape", "1x6x4", "--json", "-")
    assert json.loads(shaped.stdout)["macs"] == 72
    assert "signatures score, embed; --signature chooses one" in qbench("inspect", "several.tflite").stdout
    chosen = json.loads(qbench("inspect", "several.tflite", "--signature", "embed", "--json", "-").stdout)
    assert (chosen["signatures"], chosen["macs"]) == (["embed"], 10)
    swept = qbench("inspect", "free.tflite", "--shape", "1x6x4", "--shape", "1x7x4")
    assert (swept.returncode, "one point expected here, not a sweep" in swept.stderr) == (2, True)
    told = qbench(
        "compat", "--model", "free.tflite", "--shape", "1x6x4", "--shape", "1x7x4", "--device", "xnnpack",
        "--json", "-",
    )  # fmt: skip
    cells = json.loads(told.stdout)["cells"]
    assert [(c["shape"], c["predicted"]["taken"]) for c in cells] == [("x=1x6x4", 2), ("x=1x7x4", 2)]


def test_a_sweep_is_foretold_resumed_and_followed(qbench, tmp_path, cache):
    """It is killed while it measures the second shape, which alone is measured then."""
    (tmp_path / "net").mkdir()
    for number, name in enumerate(("a", "b")):
        (tmp_path / "net" / f"{name}.tflite").write_bytes(free_model(outputs=3 + number))
    shapes = ("x=1x200x4", "x=1x300x4")
    asked = ("run", "--model", "net/a.tflite", "--device", "cpu", "--device", "xnnpack", "--budget", "0.4")
    sweep = (*asked, *(part for shape in shapes for part in ("--shape", shape)), "--quiet")
    planned = cells_of(qbench(*sweep, "--dry-run", "--json", "-"))
    assert [(c["shape"], c["delegate"]) for c in planned] == [
        (shape, delegate) for shape in shapes for delegate in ("cpu", "xnnpack")
    ]
    assert "a x=1x200x4 on cpu" in qbench(*sweep, "--dry-run").stdout
    process = subprocess.Popen(
        [*COMMAND, *sweep, "--precision", "0%"],
        cwd=tmp_path,
        env=environment(cache),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    first = wait_for_launches(tmp_path / "results", 1, of=planned[2]["id"])
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    refused = qbench("run", "--resume", "latest", "--shape", shapes[0])
    assert refused.returncode == 2 and f"--shape {shapes[0]}: run {first.name} was" in refused.stderr
    cells = cells_of(qbench("run", "--resume", "latest", "--json", "-", "--quiet"))
    assert [c["id"] for c in cells] == [c["id"] for c in planned] and all(c["speedup"] for c in cells)
    (second,) = (folder for folder in (tmp_path / "results").glob("2*") if folder != first)
    ours = json.loads((second / "run.json").read_text())["cells"]
    assert {cell["shape"] for cell in ours} == {shapes[1]}
    courses = cells_of(qbench("history", "--shape", shapes[1], "--json", "-"))
    assert {(c["shape"], len(c["points"])) for c in courses} == {(shapes[1], 2)}
    assert qbench("site", "--out", "site").returncode == 0
    data = json.loads((tmp_path / "site" / "data.json").read_text())
    assert {(c["shape"], len(c["points"])) for c in data["cells"]} == {(shapes[0], 1), (shapes[1], 2)}
    assert "a x=1x300x4" in (tmp_path / "site" / "index.html").read_text()
