"""The GPU delegate on a software Vulkan device: what it computes, what it took, and why not the rest."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from delegates.wire import Failure, Launch
from harness.analysis.fidelity import compare_outputs
from harness.analysis.output_warnings import of_delegate
from harness.config.standard import STANDARD
from harness.models import resolve_model
from harness.quantize import make_variants
from harness.tflite import read_model_file
from tests.device.conftest import answers, job, run
from tests.models import dense_model, dynamic_model, int64_model

# A block of a ResNet: in its shortcut a convolution of size 1 with a stride.
BLOCK = """
def block():
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    inputs = keras.Input((16, 16, 16))
    shortcut = layers.Conv2D(32, 1, 2, padding="same")(inputs)
    x = layers.Conv2D(32, 3, 2, padding="same")(inputs)
    return keras.Model(inputs, layers.ReLU()(layers.Add()([shortcut, x])))
"""


def on_gpu(model, env, **options):
    return job(model, id="gpu", delegate="gpu", env=env, options=options, timeout_s=120)


def ask(runner, *jobs, budget_s=0.02):
    """Job id -> its first measurement, or its refusal."""
    found = {}
    for message in answers(runner, run(list(jobs), budget_s=budget_s, launches=1)):
        if isinstance(message, (Launch, Failure)):
            found.setdefault(message.job, message)
    return found


def outputs(measurement):
    return [
        np.frombuffer(base64.b64decode(output.data), "<f4").reshape(output.shape)
        for output in measurement.outputs
    ]


def assert_same(gpu, cpu, model, atol=1e-5):
    """Floats to four digits; an integer output may be rounded to the neighbouring step."""
    for found, wanted, tensor in zip(outputs(gpu), outputs(cpu), read_model_file(model).outputs, strict=True):
        step = tensor.quantization.scales[0] if tensor.quantization else 0.0
        both = min(len(found), len(wanted))  # of a slow model only the samples that fit into the time
        np.testing.assert_allclose(found[:both], wanted[:both], rtol=1e-4, atol=max(atol, 2.01 * step))


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "dense.tflite"
    path.write_bytes(dense_model(seed=1, inputs=64, outputs=32))
    return path


def test_who_did_the_work_is_recorded(runner, dense, software_gpu):
    found = ask(runner, on_gpu(dense, software_gpu))["gpu"]
    facts = found.delegate_facts
    assert facts["software"] is True
    assert facts["adapter"]
    assert (facts["backend"], facts["precision"]) == ("Vulkan", "float16")
    assert (found.ops.total, found.ops.delegated) == (1, 1)


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_outputs_are_those_of_the_cpu(runner, nets, software_gpu, tmp_path, precision):
    model = nets / "resnet.tflite"
    samples = np.random.default_rng(0).uniform(0, 1, (4, 32, 32, 3)).astype(np.float32)
    np.savez(tmp_path / "inputs.npz", x=samples)
    inputs = str(tmp_path / "inputs.npz")
    jobs = [on_gpu(model, software_gpu, precision=precision), job(model, id="cpu")]
    found = ask(runner, *(replace(j, inputs=inputs) for j in jobs))
    assert found["gpu"].ops.delegated == found["gpu"].ops.total == 16
    assert_same(found["gpu"], found["cpu"], model)


def seven_variants(runner, model, base, env, cache):
    """Variant -> what its gpu and its cpu cell came to."""
    made = make_variants(resolve_model(model, base), STANDARD, cache=cache)
    assert [v.variant.name for v in made.variants] == [spec.name for spec in STANDARD]
    for variant in made.variants:
        jobs = [on_gpu(variant.path, env), job(variant.path, id="cpu")]
        inputs = str(made.inputs[variant.variant.name])
        yield variant, ask(runner, *(replace(j, inputs=inputs) for j in jobs))


@pytest.mark.slow
def test_all_seven_variants_compute_what_the_cpu_does(runner, software_gpu, tmp_path):
    taken = {}
    for variant, found in seven_variants(runner, "digits", tmp_path, software_gpu, tmp_path):
        # Of dynamic's layers the CPU quantizes the inputs as they come, the GPU calculates in float.
        atol = 1e-3 if variant.variant.name == "dynamic" else 1e-5
        assert_same(found["gpu"], found["cpu"], variant.path, atol)
        taken[variant.variant.name] = (found["gpu"].ops.delegated, found["gpu"].ops.total)
    assert taken.pop("int16x8") == (1, 9)
    assert all(delegated == total for delegated, total in taken.values())


@pytest.mark.slow
def test_faults_of_the_accelerator_come_to_light(runner, software_gpu, tmp_path, monkeypatch):
    """ai-edge-litert 2.3.0 computes strided 1x1 convolutions wrongly once inputs and weights are quantized.

    When this fails, that was repaired: docs/gpu.md says it, too.
    """
    (tmp_path / "nets_of_mine.py").write_text(BLOCK)
    monkeypatch.chdir(tmp_path)
    for variant, found in seven_variants(runner, "nets_of_mine:block", tmp_path, software_gpu, tmp_path):
        if variant.variant.name == "int16x8":
            assert found["gpu"].reason.startswith("the GPU accelerator failed by a fault of its own: ")
        else:
            figures = compare_outputs(found["cpu"].outputs, found["gpu"].outputs)
            right = variant.variant.name in ("float32", "float16", "dynamic")
            assert [d.code for d in of_delegate(figures)] == ([] if right else ["delegate-differs"])


@pytest.mark.slow
def test_a_model_that_is_partly_supported(runner, nets, software_gpu):
    """3 of 5 ops, in the delegate's own words, which name one kind only."""
    model = nets / "partly.tflite"
    found = ask(runner, on_gpu(model, software_gpu), job(model, id="cpu"))
    ops = found["gpu"].ops
    assert (ops.total, ops.delegated) == (5, 3)
    counts = Counter()
    for group in ops.not_delegated:
        counts[group.op] += group.count
    assert counts == {"LOG_SOFTMAX": 1, "other ops": 1}
    assert ops.not_delegated[0].reason == "Operation is not supported"
    refused = ask(runner, on_gpu(model, software_gpu, fallback=False))["gpu"]
    assert refused.stage == "load"
    assert refused.reason.startswith("the GPU takes only 3 of 5 ops, and fallback is false: LOG_SOFTMAX: ")


def test_a_dynamic_model_is_refused_in_plain_words(runner, software_gpu, tmp_path):
    model = tmp_path / "dynamic.tflite"
    model.write_bytes(dynamic_model())
    found = ask(runner, on_gpu(model, software_gpu), job(model, id="cpu"))
    assert found["gpu"].reason.startswith("the GPU takes tensors of fixed sizes only")
    assert isinstance(found["cpu"], Launch)


def test_tensors_that_cannot_be_handed_over_are_named(runner, software_gpu, tmp_path):
    model = tmp_path / "ids.tflite"
    model.write_bytes(int64_model())
    assert "int64 tensor: input" in ask(runner, on_gpu(model, software_gpu))["gpu"].reason


@pytest.mark.alone
def test_timing_waits_for_the_result(software_gpu, nets):
    """Told to start, a GPU takes as long to compute as the read that follows then waits."""
    model = nets / "resnet.tflite"
    code = (
        "import sys, time; from delegates.backends import gpu, runtime\n"
        "s = gpu.DELEGATE.open(runtime.open_runtime('ai-edge-litert'), sys.argv[1], 1, {})\n"
        "s.allocate(); s.invoke(); s.outputs()\n"
        "a = time.perf_counter(); s.invoke(); b = time.perf_counter(); s.outputs(); c = time.perf_counter()\n"
        "print((b - a) / (c - b))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, model], capture_output=True, text=True, check=True,
        env={**os.environ, **software_gpu},
    )  # fmt: skip
    assert float(done.stdout.split()[-1]) > 5  # LiteRT writes there, too


def test_without_a_vulkan_device_the_reason_says_what_to_do(runner, dense, tmp_path):
    (tmp_path / "none.json").write_text("{}")
    refused = ask(runner, on_gpu(dense, {"VK_DRIVER_FILES": str(tmp_path / "none.json")}))["gpu"]
    assert refused.stage == "delegate"
    assert refused.reason.startswith("no Vulkan")
    assert "install" in refused.reason


@pytest.mark.parametrize("claims", ["9", "all"])
def test_a_gpu_delegate_that_is_a_library(runner, dense, standin_library, claims):
    wanted = on_gpu(dense, {}, library=str(standin_library), options={"claims_builtin": claims})
    found = ask(runner, wanted)["gpu"]
    assert (found.ops.total, found.ops.delegated) == (1, 1)
    assert found.delegate_facts == {"library": str(standin_library)}
