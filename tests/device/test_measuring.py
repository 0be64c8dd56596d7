"""The conductor and its workers, measuring real models with real runtimes."""

from __future__ import annotations

import base64
import statistics

import numpy as np
import pytest

from delegates.wire import Done, Failure, Launch, Progress, SystemInfo
from harness.analysis.fidelity import compare_outputs
from harness.tflite import read_model_file
from tests.dequantize import dequantize
from tests.device.conftest import RUNTIMES, answers, job, run
from tests.models import dense_model, dense_weights, dynamic_model
from tests.ops import Tensor, one


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "dense.tflite"
    path.write_bytes(dense_model(seed=1))
    return path


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_launch_brings_blocks_of_samples(runner, dense, runtime):
    messages = answers(runner, run([job(dense, runtime=runtime)], budget_s=0.1, launches=3))
    measured = [m for m in messages if isinstance(m, Launch)]
    assert [m.launch for m in measured] == [0, 1, 2]
    assert all(m.runtime == runtime and m.init_ns > 0 and m.first_ns > 0 for m in measured)
    assert all(ns > 0 for m in measured for block in m.blocks_ns for ns in block)
    assert [f.when for f in messages if isinstance(f, SystemInfo)] == ["before", "after"]
    assert isinstance(messages[-1], Done)


def test_compared_jobs_take_turns_on_the_same_cores(runner, dense):
    jobs = [job(dense, id=name) for name in "abc"]
    messages = answers(runner, run(jobs, budget_s=0.2, launches=2))
    measured = [m for m in messages if isinstance(m, Launch)]
    assert sorted((m.job, m.launch) for m in measured) == [(n, k) for n in "abc" for k in (0, 1)]
    assert len({tuple(m.affinity) for m in measured}) == 1
    assert len(measured[0].affinity) == 1


def test_a_pinned_job_runs_where_it_was_told(runner, dense):
    messages = answers(runner, run([job(dense, affinity=[0])], budget_s=0.02, launches=1))
    assert [m.affinity for m in messages if isinstance(m, Launch)] == [[0]]


@pytest.mark.slow
@pytest.mark.alone
def test_no_more_is_timed_than_the_budget(runner, nets):
    model = nets / "resnet.tflite"
    messages = answers(runner, run([job(model)], budget_s=0.1, launches=20))
    launches = [m for m in messages if isinstance(m, Launch)]
    timed_s = sum(sum(map(sum, m.blocks_ns)) for m in launches) / 1e9
    # The last block of a launch may overrun its share, a twentieth; the first inference is not part of it.
    assert 0.1 <= timed_s < 0.3 and len(launches) <= 20
    assert any(isinstance(m, Progress) for m in messages)


def test_outputs_are_those_of_numpy(runner, tmp_path, dense):
    """Through float and through int8 tensors, per sample, real = (q - zero_point) * scale."""
    samples = np.random.default_rng(0).uniform(-1, 1, (5, 1, 4)).astype(np.float32)
    np.savez(tmp_path / "inputs.npz", input=samples)
    messages = answers(
        runner,
        run([job(dense, inputs=str(tmp_path / "inputs.npz"))], budget_s=0.02, launches=2),
    )
    first, second = (m for m in messages if isinstance(m, Launch))
    (output,) = first.outputs
    found = np.frombuffer(base64.b64decode(output.data), "<f4").reshape(output.shape)
    model = read_model_file(dense)
    weights = dense_weights(seed=1)
    assert model.outputs[0].shape == (1, 3)
    np.testing.assert_allclose(found, samples @ weights.T, rtol=1e-5, atol=1e-6)
    assert second.outputs == []


def test_quantized_inputs_and_outputs_are_real_values(runner, tmp_path, nets):
    """A net in int8 is close to itself in float32 only if both ends are (de)quantized."""
    np.savez(tmp_path / "inputs.npz", x=np.random.default_rng(0).normal(0, 1, (3, 640)).astype(np.float32))
    jobs = [
        job(nets / f"{name}.tflite", id=name, inputs=str(tmp_path / "inputs.npz"))
        for name in ("autoencoder", "autoencoder_int8")
    ]
    messages = answers(runner, run(jobs, budget_s=0.02, launches=1))
    found = {m.job: m.outputs[0].data for m in messages if isinstance(m, Launch)}
    fp32, int8 = (np.frombuffer(base64.b64decode(found[name]), "<f4") for name in sorted(found))
    scale = read_model_file(nets / "autoencoder_int8.tflite").outputs[0].quantization.scales[0]
    grid = int8 / scale
    assert np.allclose(grid, np.rint(grid), atol=1e-3)
    assert statistics.correlation(fp32.tolist(), int8.tolist()) > 0.9


def test_dequantize_per_axis_is_the_formula():
    from delegates.backends.interpreter import dequantize as on_device
    from harness.record import Quantization

    q = np.arange(-6, 6, dtype=np.int8).reshape(2, 3, 2)
    scales, zeros = (0.5, 0.25, 2.0), (0, 3, -1)
    detail = {"quantization_parameters": {"scales": scales, "zero_points": zeros, "quantized_dimension": 1}}
    by_hand = np.stack([(q[:, i].astype(float) - zeros[i]) * scales[i] for i in range(3)], axis=1)
    np.testing.assert_allclose(on_device(q, detail), by_hand)
    np.testing.assert_allclose(dequantize(q, Quantization(scales, zeros, 1)), by_hand)


@pytest.mark.parametrize(
    ("name", "why"),
    [("custom op", "custom"), ("corrupt", None)],
)
def test_a_model_that_cannot_run_is_one_refusal_with_its_reason(runner, dense, nets, tmp_path, name, why):
    if why:
        bad = nets / f"{why}.tflite"
    else:
        bad = tmp_path / "bad.tflite"
        bad.write_bytes(dense.read_bytes()[:200])
    messages = answers(runner, run([job(bad, id="bad"), job(dense, id="good")], budget_s=0.05, launches=2))
    (refusal,) = (m for m in messages if isinstance(m, Failure))
    assert refusal.job == "bad"
    assert refusal.stage == ("allocate" if why else "load")
    assert "\n" not in refusal.reason
    if why:
        assert "fake-op-double" in refusal.reason
    assert [m.job for m in messages if isinstance(m, Launch)] == ["good", "good"]


def test_outputs_of_sizes_that_differ_are_measured(runner, tmp_path):
    """How many elements are above zero differs from sample to sample: only the first is compared."""
    (tmp_path / "dynamic.tflite").write_bytes(dynamic_model())
    np.savez(tmp_path / "inputs.npz", input=np.array([[[1, 1, 0, 0]], [[1, 0, 0, 0]]], np.float32))
    wanted = job(tmp_path / "dynamic.tflite", inputs=str(tmp_path / "inputs.npz"))
    messages = answers(runner, run([wanted], budget_s=0.02, launches=1))
    (found,) = (m for m in messages if isinstance(m, Launch))
    assert found.outputs[0].shape == [1, 2, 2]


def test_large_outputs_of_a_slow_cell_are_those_of_a_fast_one(tmp_path):
    """Which values of large outputs are kept is the same where there is time for one sample only."""
    from delegates.agent.samples import outputs, read
    from delegates.backends import cpu
    from delegates.backends.runtime import open_runtime

    wide = Tensor("float32", [1, 10_000, 4])
    (tmp_path / "wide.tflite").write_bytes(one("RELU", [wide], [wide]))
    made = np.random.default_rng(0).uniform(0, 1, (16, 1, 10_000, 4)).astype(np.float32)
    made[..., 1:] += [1, 2, 3]  # each channel has a range of its own
    np.savez(tmp_path / "inputs.npz", in0=made)
    interpreter = cpu.DELEGATE.open(open_runtime("ai-edge-litert"), str(tmp_path / "wide.tflite"), 1, {})
    interpreter.allocate()
    samples = read(str(tmp_path / "inputs.npz"), interpreter.inputs)
    (fast,), (slow,) = (outputs(interpreter, samples, limit_ns) for limit_ns in (60 * 10**9, 0))
    assert (fast.shape[0], slow.shape[0], fast.subsampled, slow.subsampled) == (16, 1, True, True)
    figures = compare_outputs([fast], [slow])
    assert figures is not None and (figures.samples, figures.max_abs_error) == (1, 0.0)
    kept = np.frombuffer(base64.b64decode(slow.data), "<f4")
    assert set(np.floor(kept)) == {0, 1, 2, 3}  # of every channel
