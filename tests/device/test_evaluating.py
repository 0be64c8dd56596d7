"""Evaluations on a dataset: what is kept of each sample, how far slow jobs go, and workers that end in it."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from delegates.wire import (
    CLASSES,
    MEAN_ABSOLUTE,
    MEAN_SQUARED,
    OUTPUTS,
    Evaluated,
    Evaluation,
    Failure,
    Launch,
)
from tests.conftest import STANDINS
from tests.device.conftest import RUNTIMES, answers, job, run
from tests.models import dense_model, dense_weights
from tests.ops import Tensor, one


@pytest.fixture
def dense(tmp_path):
    path = tmp_path / "dense.tflite"
    path.write_bytes(dense_model(seed=1, inputs=8, outputs=7))
    return path


def dataset(folder: Path, samples: int, width: int = 8, **more) -> Path:
    path = folder / "data.npz"
    np.savez(path, x=np.random.default_rng(0).normal(size=(samples, width)).astype(np.float32), **more)
    return path


def kept(messages, id: str = "job") -> np.ndarray:
    """What was kept of all samples, checked to be in order and without a gap."""
    parts = [message for message in messages if isinstance(message, Evaluated) and message.job == id]
    arrays = [
        np.frombuffer(base64.b64decode(p.outputs[0].data), "<f4").reshape(p.outputs[0].shape) for p in parts
    ]
    ends = np.cumsum([0, *map(len, arrays)])
    assert [part.first for part in parts] == list(ends[:-1])
    return np.concatenate(arrays)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("keep", [CLASSES, MEAN_SQUARED, MEAN_ABSOLUTE, OUTPUTS])
def test_every_sample_is_evaluated_after_all_that_is_timed(runner, dense, tmp_path, runtime, keep):
    targets = np.random.default_rng(1).normal(size=(1500, 7)).astype(np.float32)
    data = dataset(
        tmp_path, 1500, **({"targets of 0": targets} if keep in (MEAN_SQUARED, MEAN_ABSOLUTE) else {})
    )
    asked = Evaluation(str(data), 1500, keep, against="job")
    messages = answers(
        runner, run([job(dense, runtime=runtime, evaluation=asked)], budget_s=0.02, launches=2)
    )
    kinds = [type(message) for message in messages]
    assert kinds.index(Evaluated) > max(i for i, kind in enumerate(kinds) if kind is Launch)
    outputs = np.load(data)["x"] @ dense_weights(1, 8, 7).T
    expected = {
        CLASSES: np.argsort(-outputs, axis=1, kind="stable")[:, :5],
        MEAN_SQUARED: np.mean((outputs - targets) ** 2, axis=1)[:, np.newaxis],
        MEAN_ABSOLUTE: np.mean(np.abs(outputs - targets), axis=1)[:, np.newaxis],
        OUTPUTS: outputs[:, np.newaxis],
    }[keep]
    assert np.allclose(kept(messages), expected, rtol=1e-4, atol=1e-5)


def test_inputs_and_outputs_of_whole_numbers_have_the_variants_own_parameters(runner, tmp_path):
    """Of RELU in int8, with a step of 0.1: the largest of the values that the input can hold."""
    through = Tensor("int8", [1, 8], scales=(0.1,), zero=5)
    model = tmp_path / "relu.tflite"
    model.write_bytes(one("RELU", [through], [through]))
    data = dataset(tmp_path, 200)
    asked = Evaluation(str(data), 200, OUTPUTS, against="job")
    messages = answers(runner, run([job(model, evaluation=asked)], budget_s=0.02, launches=1))
    steps = np.clip(np.rint(np.load(data)["x"].astype(np.float64) / 0.1) + 5, -128, 127)
    assert np.allclose(kept(messages)[:, 0], (np.maximum(steps, 5) - 5) * 0.1, atol=1e-6)


def test_outputs_that_are_not_finite_have_no_class_and_no_error(runner, dense, tmp_path):
    values = np.ones((20, 8), np.float32)
    values[3, 0], values[11, 5] = np.nan, np.nan  # kernels clamp infinity
    data = tmp_path / "data.npz"
    np.savez(data, x=values, **{"targets of 0": np.zeros((20, 7), np.float32)})
    for keep, wrong in (
        (CLASSES, lambda found: found[:, 0] < 0),
        (MEAN_SQUARED, lambda found: np.isnan(found[:, 0])),
    ):
        asked = Evaluation(str(data), 20, keep, against="job")
        messages = answers(runner, run([job(dense, evaluation=asked)], budget_s=0.02, launches=1))
        assert np.flatnonzero(wrong(kept(messages))).tolist() == [3, 11]


@pytest.mark.slow
def test_a_slow_job_stops_once_the_interval_is_narrow_and_has_the_reference_as_far(runner, tmp_path):
    """At a millisecond a sample, the two seconds that every job has are over long before 20,000 samples."""
    model = tmp_path / "large.tflite"
    model.write_bytes(dense_model(seed=1, inputs=2048, outputs=2048))
    data = dataset(tmp_path, 20_000, width=2048)
    jobs = [
        job(model, id=id, evaluation=Evaluation(str(data), 20_000, CLASSES, 0.02, against="float"))
        for id in ("float", "same")
    ]
    messages = answers(runner, run(jobs, budget_s=0.02, launches=1))
    same, reference = kept(messages, "same"), kept(messages, "float")
    assert 100 <= len(same) < 20_000
    assert len(reference) >= len(same)


@pytest.mark.parametrize(("how", "stage"), [("segv", "crash"), ("raises", "invoke"), ("hangs", "timeout")])
def test_a_worker_that_ends_in_its_evaluation_keeps_its_launches(runner, tmp_path, how, stage):
    data = tmp_path / "data.npz"
    np.savez(data, x=np.array([[0], [1], [7], [2]], np.float32))
    jobs = []
    for name in (f"seven_{how}", "other"):
        (tmp_path / f"{name}.tflite").write_bytes(b"")
        asked = Evaluation(str(data), 4, OUTPUTS, against="other")
        env = {"PYTHONPATH": str(STANDINS / "runtime")}
        timeout_s = 2.0 if how == "hangs" else 60.0
        path = tmp_path / f"{name}.tflite"
        jobs.append(job(path, id=name, env=env, timeout_s=timeout_s, evaluation=asked))
    messages = answers(runner, run(jobs, budget_s=0.02, launches=2))
    victim = jobs[0].id
    assert [m.launch for m in messages if isinstance(m, Launch) and m.job == victim] == [0, 1]
    (failure,) = (m for m in messages if isinstance(m, Failure))
    assert (failure.job, failure.stage) == (victim, stage)
    assert len(kept(messages, "other")) == 4


def test_a_dataset_that_is_too_short_is_said(runner, dense, tmp_path):
    asked = Evaluation(str(dataset(tmp_path, 10)), 20, CLASSES, against="job")
    messages = answers(runner, run([job(dense, evaluation=asked)], budget_s=0.02, launches=1))
    (failure,) = (m for m in messages if isinstance(m, Failure))
    assert failure.reason == "the dataset has fewer samples than expected"
