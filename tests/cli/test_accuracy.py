"""Accuracy from the command line: against evaluations of our own, with known drops, and what is said."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from harness.models.builtin import need_digits
from tests.cli.conftest import COMMAND, environment, wait_for_launches
from tests.models import dense_of

Z = 1.959964


def cells_of(done):
    assert done.returncode == 0, done.stderr
    return {(c["variant"], c["delegate"]): c for c in json.loads(done.stdout)["cells"]}


def codes(cell):
    return [warning["code"] for warning in cell["warnings"]]


@pytest.fixture
def flipping(tmp_path):
    """A folder with float32, which is always right, and a variant that takes class 3 for class 0.

    The dataset has 400 samples: 20 of class 3, the others of the classes before it.
    """
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "float32.tflite").write_bytes(dense_of(np.eye(4, dtype=np.float32)))
    wrong = np.eye(4, dtype=np.float32)
    wrong[0, 3] = 2
    (folder / "quantized.tflite").write_bytes(dense_of(wrong))
    labels = np.array([3] * 20 + [0, 1, 2] * 126 + [0, 1])
    np.savez(tmp_path / "data.npz", input=np.eye(4, dtype=np.float32)[labels], labels=labels)
    return folder


def test_a_variant_that_flips_a_known_number_of_samples(qbench, flipping):
    asked = ("--model", flipping, "--device", "cpu", "--budget", "0.02", "--dataset", "data.npz")
    found = cells_of(qbench("run", *asked, "--json", "-"))
    right, wrong = found["float32", "cpu"], found["quantized", "cpu"]
    assert right["accuracy"]["value"] == 1 and right["accuracy"]["samples"] == 400
    assert right["accuracy"]["drop"] is None
    assert right["accuracy"]["low"] == pytest.approx(400 / (400 + Z**2))
    assert wrong["accuracy"]["value"] == 0.95 and wrong["accuracy"]["metric"] == "top1"
    drop = wrong["accuracy"]["drop"]
    assert (drop["value"], drop["reference"], drop["samples"]) == (0.05, "float32/cpu@cpu", 400)
    # Where no sample is won, Tango's bounds are those of Wilson's for 20 of 400 but for a hair.
    middle, half = (0.05 + Z**2 / 800) / (1 + Z**2 / 400), Z * math.sqrt(0.05 * 0.95 / 400 + Z**2 / 640_000)
    assert drop["low"] == pytest.approx(middle - half, abs=0.002)
    assert drop["high"] == pytest.approx(middle + half, abs=0.002)
    assert "accuracy-drop" in codes(wrong) and "accuracy-drop" not in codes(right)
    shown = " ".join(qbench("show").stdout.split())
    assert "top-1: on 400 samples of data.npz; change: against float32/cpu@cpu, sample by sample" in shown
    assert "-5.0 ±2.6" in shown


def test_a_gate_on_accuracy(qbench, flipping, tmp_path):
    asked = ("run", "--model", flipping, "--device", "cpu", "--budget", "0.02", "--dataset", "data.npz")
    assert qbench(*asked).returncode == 0
    (flipping / "quantized.tflite").write_bytes((flipping / "float32.tflite").read_bytes())
    assert qbench(*asked).returncode == 0
    compare = ("compare", "latest", "latest~1", "--fail-accuracy")
    done = qbench(*compare, "1%")
    assert done.returncode == 1
    assert "failed: net quantized on cpu: top-1 100.0 → 95.0% (-5.0 points [" in done.stderr
    assert "over 1%" in done.stderr and "quantized on cpu: top-1 100.0 → 95.0%" in done.stdout
    undecided = qbench(*compare, "5%")
    assert undecided.returncode == 0 and "can't tell: net quantized on cpu: top-1" in undecided.stderr
    passed = qbench(*compare, "8%", "--format", "json")
    assert passed.returncode == 0
    cells = {cell["variant"]: cell for cell in json.loads(passed.stdout)["cells"]}
    assert cells["quantized"]["accuracy_change"]["value"] == -0.05
    assert cells["float32"]["accuracy_change"]["value"] == 0


def test_each_side_is_evaluated_and_has_its_own_drop(qbench, flipping, tmp_path):
    (tmp_path / "base").mkdir()
    for name in ("float32", "quantized"):
        (tmp_path / "base" / f"{name}.tflite").write_bytes((flipping / "float32.tflite").read_bytes())
    asked = ("run", "--model", flipping, "--against", "base", "--device", "cpu", "--budget", "0.02")
    done = qbench(*asked, "--dataset", "data.npz", "--fail-accuracy", "1%", "--json", "-")
    assert done.returncode == 1
    assert "failed: net quantized on cpu: top-1 100.0 → 95.0% (-5.0 points [" in done.stderr
    found = {(c["side"], c["variant"]): c["accuracy"] for c in json.loads(done.stdout)["cells"]}
    drops = {key: accuracy["drop"] for key, accuracy in found.items()}
    assert drops["head", "float32"] is None and drops["base", "float32"] is None
    for side, drop in (("head", 0.05), ("base", 0)):
        told = drops[side, "quantized"]
        assert (told["value"], told["reference"], told["samples"]) == (drop, "float32/cpu@cpu", 400)
    (folder,) = (tmp_path / "results").glob("2*")
    assert (folder / "events.jsonl").read_text().count('"event": "labelled"') == 1
    shown = " ".join(qbench("show").stdout.split())
    assert shown.count("on 400 samples of data.npz") == 1


def test_a_resumed_run_evaluates_what_was_not(qbench, flipping, tmp_path, cache):
    """It is killed while it times the second of two models; the first one has been evaluated."""
    shutil.copytree(flipping, tmp_path / "other")
    asked = ("run", "--model", "net", "--model", "other", "--device", "cpu", "--precision", "0%")
    process = subprocess.Popen(
        [*COMMAND, *asked, "--budget", "0.3", "--dataset", "data.npz", "--metric", "top5", "--quiet"],
        cwd=tmp_path,
        env=environment(cache),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    first = wait_for_launches(tmp_path / "results", 2, of="other")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    alone = json.loads(qbench("show", first.name, "--json", "-").stdout)["cells"]
    assert {cell["model"] for cell in alone if cell["accuracy"]} == {"net"}
    refused = qbench("run", "--resume", "latest", "--metric", "top1")
    assert refused.returncode == 2 and "was measured with --metric top5" in refused.stderr
    done = qbench("run", "--resume", "latest", "--json", "-", "--quiet")
    assert done.returncode == 0, done.stderr
    cells = {(c["model"], c["variant"]): c["accuracy"] for c in json.loads(done.stdout)["cells"]}
    assert len(cells) == 4 and all(one["metric"] == "top5" for one in cells.values())
    assert all(one["samples"] == 400 for one in cells.values())


def test_labels_in_another_order_are_suspected(qbench, flipping, tmp_path):
    data = dict(np.load(tmp_path / "data.npz"))
    data["labels"] = (data["labels"] + 1) % 4
    np.savez(tmp_path / "data.npz", **data)
    asked = ("--model", flipping, "--device", "cpu", "--budget", "0.02", "--dataset", "data.npz")
    found = cells_of(qbench("run", *asked, "--json", "-"))
    (warning,) = [w for w in found["float32", "cpu"]["warnings"] if w["code"] == "chance-accuracy"]
    assert warning["message"].startswith("right in 0 of 400 samples; always the most frequent class would be")


METRIC = """
import numpy as np

def margin(labels, outputs):
    assert outputs.shape == (len(labels), 4)
    return outputs[np.arange(len(labels)), labels]

def short(labels, outputs):
    return [1.0]
"""


def test_other_metrics(qbench, flipping, tmp_path):
    (tmp_path / "mine.py").write_text(METRIC)
    inputs = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    np.savez(tmp_path / "targets.npz", input=inputs, y=inputs + 0.5)
    asked = ("run", "--model", flipping, "--device", "cpu", "--budget", "0.02", "--json", "-", "--dataset")
    squared = cells_of(qbench(*asked, "targets.npz"))
    mine, theirs = squared["float32", "cpu"]["accuracy"], squared["quantized", "cpu"]["accuracy"]
    assert (mine["metric"], mine["samples"]) == ("mse", 300)
    assert mine["value"] == pytest.approx(0.25, rel=1e-5)
    errors = np.mean(
        (inputs @ (np.eye(4) + 2 * np.eye(4)[[0]].T @ np.eye(4)[[3]]).T - inputs - 0.5) ** 2, axis=1
    )
    assert theirs["value"] == pytest.approx(errors.mean(), rel=1e-5)
    assert theirs["drop"]["value"] == pytest.approx(errors.mean() - 0.25, rel=1e-5)
    half = Z * errors.std(ddof=1) / math.sqrt(300)
    assert theirs["drop"]["high"] - theirs["drop"]["low"] == pytest.approx(2 * half, rel=0.15)
    absolute = cells_of(qbench(*asked, "targets.npz", "--metric", "mae"))
    assert absolute["float32", "cpu"]["accuracy"]["value"] == pytest.approx(0.5, rel=1e-5)
    own = cells_of(qbench(*asked, "data.npz", "--metric", "mine:margin"))
    assert own["float32", "cpu"]["accuracy"]["metric"] == "mine:margin"
    assert own["float32", "cpu"]["accuracy"]["value"] == 1
    top = cells_of(qbench(*asked, "data.npz", "--metric", "top5"))
    assert top["quantized", "cpu"]["accuracy"]["value"] == 1
    failed = qbench(*asked, "data.npz", "--metric", "mine:short")
    assert "metric mine:short: 400 numbers expected, found an array of shape (1,)" in failed.stderr
    (warning, *_) = [
        w for w in json.loads(failed.stdout)["cells"][0]["warnings"] if w["code"] == "not-evaluated"
    ]
    assert warning


def test_images_in_folders_of_classes(qbench, tmp_path):
    """Classes are numbered in the order of their names, as Keras does it."""
    from PIL import Image

    (tmp_path / "net").mkdir()
    for number, name in enumerate(("ant", "bee", "cat")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for count in range(10):
            colour = [20, 20, 20]
            colour[number] = 200 + count
            Image.new("RGB", (5, 5), tuple(colour)).save(tmp_path / "photos" / name / f"{count}.png")
    from tests.ops import Tensor, one

    image, scores = Tensor("float32", [1, 1, 1, 3]), Tensor("float32", [1, 3])
    (tmp_path / "net" / "float32.tflite").write_bytes(
        one("RESHAPE", [image, Tensor("int32", [2], [1, 3])], [scores])
    )
    done = qbench(
        "run", "--model", "net", "--device", "cpu", "--budget", "0.02", "--dataset", "photos", "--json", "-"
    )
    found = cells_of(done)["float32", "cpu"]["accuracy"]
    assert (found["value"], found["samples"]) == (1, 30)


def test_a_metric_without_labels(qbench, flipping, tmp_path):
    np.save(tmp_path / "bare.npy", np.ones((20, 4), np.float32))
    asked = ("run", "--model", flipping, "--device", "cpu", "--metric", "top1")
    assert "metric top1: no --dataset" in qbench(*asked).stderr
    assert "metric top1: dataset bare.npy: no labels" in qbench(*asked, "--dataset", "bare.npy").stderr
    done = qbench(*asked[:-1], "f1")
    assert done.returncode == 2 and "metric: top1, top5, mse, mae or package.module:callable" in done.stderr


def test_labels_that_do_not_belong_to_the_outputs_are_said(qbench, flipping, tmp_path):
    np.savez(tmp_path / "other.npz", input=np.ones((20, 4), np.float32), labels=np.arange(20))
    asked = ("run", "--model", flipping, "--device", "cpu", "--budget", "0.02", "--dataset", "other.npz")
    done = qbench(*asked)
    text = " ".join(done.stdout.split())
    assert (
        "its accuracy was not measured: dataset other.npz: labels from 0 to 19, but the model's output"
        in text
    )
    strict = qbench(*asked, "--metric", "top1")
    assert strict.returncode == 2 and "tells 4 classes apart, numbered from 0" in strict.stderr


PROFILE = """
[devices.all]
delegates = ["cpu", "xnnpack", {{ name = "gpu", fallback = true }}]
runtime = "ai-edge-litert"
env = {env}
"""

# Evaluates a variant with the runtime alone, on its own kernels or on XNNPACK, sample by sample.
INDEPENDENT = """
import json, sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

def evaluate(path, images, plain):
    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if plain else OpResolverType.AUTO
    net = Interpreter(path, experimental_op_resolver_type=kernels)
    net.allocate_tensors()
    (source,), (target,) = net.get_input_details(), net.get_output_details()
    found = []
    for image in images:
        scale, zero = source["quantization"]
        if scale:
            ends = np.iinfo(source["dtype"])
            image = np.clip(np.round(image / np.float64(scale)) + zero, ends.min, ends.max)
        net.set_tensor(source["index"], image.astype(source["dtype"])[np.newaxis])
        net.invoke()
        found.append(int(net.get_tensor(target["index"])[0].argmax()))
    return found

images, *paths = sys.argv[1:]
x = np.load(images)["x"]
print(json.dumps({path: [evaluate(path, x, plain) for plain in (True, False)] for path in paths}))
"""


def test_the_built_in_model_on_every_delegate_is_right_in_exactly_these_samples(
    qbench, cache, tmp_path, software_gpu
):
    """Against the runtime driven by a script of ours, and for float32 against Keras itself."""
    profile = "{" + ", ".join(f'{key} = "{value}"' for key, value in software_gpu.items()) + "}"
    (tmp_path / "devices.toml").write_text(PROFILE.format(env=profile))
    assert qbench("quantize", "--out", "made").returncode == 0
    found = cells_of(qbench("run", "--device", "all", "--budget", "0.02", "--json", "-"))
    data = need_digits(cache).evaluation
    labels = np.load(data)["y"]
    paths = {path.stem.removeprefix("digits_"): str(path) for path in (tmp_path / "made").glob("*.tflite")}
    script = [sys.executable, "-c", INDEPENDENT, str(data), *paths.values()]
    guesses = json.loads(subprocess.run(script, capture_output=True, text=True, check=True).stdout)
    assert len(paths) == 7
    for variant, path in paths.items():
        right = [int(np.sum(np.array(guessed) == labels)) for guessed in guesses[path]]
        for delegate, count in zip(("cpu", "xnnpack"), right, strict=True):
            accuracy = found[variant, delegate]["accuracy"]
            assert (round(accuracy["value"] * 360, 6), accuracy["samples"]) == (count, 360), (
                variant,
                delegate,
            )
        on_gpu = found[variant, "gpu"]["accuracy"]
        assert round(on_gpu["value"] * 360, 6) == right[0], variant
    keras = [sys.executable, "-c", KERAS, str(need_digits(cache).model), str(data)]
    exact = int(subprocess.run(keras, capture_output=True, text=True, check=True).stdout.split()[-1])
    assert {round(found["float32", d]["accuracy"]["value"] * 360) for d in ("cpu", "xnnpack", "gpu")} == {
        exact
    }


KERAS = """
import sys
import keras
import numpy as np

data = np.load(sys.argv[2])
print(int(np.sum(keras.models.load_model(sys.argv[1]).predict(data["x"], verbose=0).argmax(1) == data["y"])))
"""
