"""Steps that variants share: made once, and the files are those that each variant would get on its own."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.quantize.backends.tflite_converter.sharing import once

ROOT = Path(__file__).resolve().parents[2]

# In a process of its own, as it imports TensorFlow. Prints, for both ways, the SHA-256 of the seven files of
# a model, or why there is none, and the number of steps that were kept.
CONVERT = """
import hashlib, json, sys
from pathlib import Path
import numpy as np
import tensorflow as tf
from harness.config.standard import STANDARD
from harness.quantize.backends.tflite_converter import sharing, tracing, worker
from harness.quantize.backends.tflite_converter.messages import Convert, Settings, Wanted
from harness.quantize.calibration.samples import InputSpec


class Model(tf.Module):
    def __init__(self, keeps_state):
        self.weights = tf.Variable(tf.random.stateless_normal((8, 8), (1, 2)))
        self.seen = tf.Variable(tf.zeros((1, 8))) if keeps_state else None

    @tf.function(input_signature=[tf.TensorSpec((1, 8), tf.float32, name="x")])
    def __call__(self, x):
        if self.seen is not None:
            x += self.seen.assign_add(tf.abs(x))
        return tf.nn.relu(x @ self.weights)


class Absent:
    def import_module(self, name):
        raise ModuleNotFoundError(name)


def made(folder, spec):
    s = Settings(spec.optimizations, spec.supported_ops, spec.supported_types, spec.inference_input_type,
                 spec.inference_output_type)
    data = str(samples) if spec.needs_calibration else None
    out = folder / "made.tflite"
    request = Convert(str(folder / "model"), inputs, s, data, False, str(out))
    answer = worker._answer(request)
    return hashlib.sha256(out.read_bytes()).hexdigest() if answer == worker.Converted() else answer.reason


inputs = (InputSpec("x", "float32", (1, 8)),)
folder = Path(sys.argv[1])
samples = folder / "samples.npz"
np.savez(samples, x=np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32))
told = []
for way in (sharing.importlib, Absent()):
    sharing.importlib = way
    here = folder / type(way).__name__
    tracing.write_canonical(tracing.from_object(Model(sys.argv[2] == "state")), Wanted(), here / "model")
    files = {spec.name: made(here, spec) for spec in STANDARD}
    kept = [path for path in here.glob("model-steps/*") if not path.suffix]
    told.append([files, len(kept)])
print(json.dumps(told))
"""


@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow: pip install '.[convert]'"
)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "steps"),
    [
        ("plain", 3),  # the float model with the settings for int8 and for int16, and its calibration
        ("state", 2),  # its ranges depend on how often the samples are fed
    ],
)
def test_variants_are_the_same_with_a_tensorflow_that_lets_them_share_nothing(tmp_path, model, steps):
    done = subprocess.run(
        [sys.executable, "-c", CONVERT, tmp_path, model],
        env={"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1", "PYTHONHASHSEED": "0"},
        capture_output=True,
        check=True,
    )
    (shared, kept), (alone, none_kept) = json.loads(done.stdout)
    assert shared == alone
    assert len(set(shared.values())) == 7
    assert (kept, none_kept) == (steps, 0)


def test_what_several_want_is_made_once(tmp_path):
    made = []

    def make() -> bytes:
        made.append(b"made")
        return made[-1]

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: once(tmp_path / "steps", [b"a", b"b"], make), range(4)))
    assert told == [b"made"] * 4
    assert len(made) == 1
    assert once(tmp_path / "steps", [b"b"], lambda: b"other") == b"other"


def test_what_a_process_was_making_when_it_was_killed_is_made_by_the_next(tmp_path):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from harness.quantize.backends.tflite_converter.sharing import once\n"
        "once(Path(sys.argv[1]), [b'a'], lambda: print('making', flush=True) or time.sleep(600))"
    )
    command = [sys.executable, "-c", code, tmp_path / "steps"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"making\n"
        process.kill()
    assert once(tmp_path / "steps", [b"a"], lambda: b"made") == b"made"


def test_without_space_for_it_a_step_is_made_and_not_kept(tmp_path):
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from harness.quantize.backends.tflite_converter.sharing import once\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "print(len(once(Path(sys.argv[1]), [b'a'], lambda: bytes(200))))"
    )
    command = [sys.executable, "-c", code, tmp_path / "steps"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout == b"200\n"
    assert [path.suffix for path in (tmp_path / "steps").iterdir()] == [".lock"]
