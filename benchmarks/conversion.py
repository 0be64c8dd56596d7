"""Making the seven variants of mobilenet_v2: qbench against a plain sequential script, in one run.

Both start in a fresh process, and both calibrate on 32 random images. Bars, on two cores: qbench takes at
most 0.3 of the script's wall time with an empty cache, at most 0.05 with a full one.

    python benchmarks/conversion.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COLD_BAR, WARM_BAR = 0.3, 0.05

# As TensorFlow's guides have it: one model in memory, one converter after the other.
PLAIN = """
import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(0)
model = tf.keras.applications.MobileNetV2(weights=None)
images = np.random.default_rng(0).uniform(-1, 1, (32, 1, 224, 224, 3)).astype(np.float32)


def dataset():
    for image in images:
        yield [image]


def convert(optimize=True, ops=None, types=(), io=None, calibrate=False):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if optimize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if ops:
        converter.target_spec.supported_ops = ops
    converter.target_spec.supported_types = types
    if io:
        converter.inference_input_type = converter.inference_output_type = io
    if calibrate:
        converter.representative_dataset = dataset
    return converter.convert()


sets = tf.lite.OpsSet
int16 = sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
convert(optimize=False)
convert(types=[tf.float16])
convert()
convert(ops=[sets.TFLITE_BUILTINS_INT8, sets.TFLITE_BUILTINS], calibrate=True)
convert(ops=[sets.TFLITE_BUILTINS_INT8], io=tf.int8, calibrate=True)
convert(ops=[sets.TFLITE_BUILTINS_INT8], io=tf.uint8, calibrate=True)
convert(ops=[int16], calibrate=True)
"""

QBENCH = """
from pathlib import Path
from harness.models import resolve_model
from harness.quantize import make_variants
from harness.config.standard import STANDARD

made = make_variants(resolve_model("mobilenet_v2", Path.cwd()), STANDARD)
assert len(made.variants) == 7 and not made.failed, made.failed
"""


def main() -> int:
    """Measure, print, and tell by the exit code whether both bars were met."""
    with tempfile.TemporaryDirectory() as cache:
        plain = seconds(PLAIN, cache)
        cold = seconds(QBENCH, cache)
        warm = seconds(QBENCH, cache)
    print(f"cores {len(os.sched_getaffinity(0))}, load at the end {os.getloadavg()[0]:.1f}")
    print(f"plain script  {plain:6.1f} s")
    print(f"qbench, cold  {cold:6.1f} s   {cold / plain:.3f} of it, at most {COLD_BAR}")
    print(f"qbench, warm  {warm:6.1f} s   {warm / plain:.3f} of it, at most {WARM_BAR}")
    return 0 if cold <= COLD_BAR * plain and warm <= WARM_BAR * plain else 1


def seconds(code: str, cache: str) -> float:
    """Wall time of a Python process that runs `code`."""
    path = os.pathsep.join([str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path, "QBENCH_CACHE": cache, "TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
