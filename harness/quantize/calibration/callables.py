"""Get samples from a user's callable, in a child process: it may import TensorFlow."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness import processes
from harness.errors import ModelError
from harness.quantize.calibration.arrays import Arrays, load
from harness.quantize.calibration.labels import LABELS
from harness.quantize.calibration.samples import InputSpec

TIMEOUT_S = 900.0  # a dataset may have to be unpacked first
_WORKER = "harness.quantize.calibration.worker"


def evaluate_callable(
    text: str, inputs: Sequence[InputSpec], limit: int, timeout_s: float = TIMEOUT_S
) -> Arrays:
    """Return about `limit` samples (whole batches) of `package.module:callable`, one array per input.

    Labels, if there are any, are under `LABELS`.
    Raises ModelError if it cannot be imported, raises, dies, takes too long, or does not return data.
    """
    where = f"calibration {text}"
    with tempfile.TemporaryDirectory(prefix="qbench-") as folder:
        result = Path(folder) / "samples.npz"
        done = _run(text, inputs, limit, result, timeout_s)
        if result.exists():
            arrays = load(result)
            named = {spec.name: arrays[f"arr_{i}"] for i, spec in enumerate(inputs)}
            return named | ({LABELS: arrays["labels"]} if "labels" in arrays else {})
        error = result.with_suffix(".error")
        if error.exists():
            raise ModelError(f"{where}: {error.read_text(encoding='utf-8')}")
        if done.exit.late_s is not None:
            raise ModelError(f"{where}: no data after {timeout_s:g} s; it was stopped")
        raise ModelError(f"{where}: its process {done.exit}{_last_words(done.output)}")


def _run(
    text: str, inputs: Sequence[InputSpec], limit: int, result: Path, timeout_s: float
) -> processes.Finished:
    from harness.quantize.calibration.worker import Request

    request = json.dumps(msgspec.to_builtins(Request(text, limit, str(result), tuple(inputs))))
    # -P: do not import a folder named "harness" in the working directory.
    command = [sys.executable, "-P", "-m", _WORKER, request]
    ours = str(Path(__file__).parents[3])
    paths = [ours, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return processes.run(command, timeout_s=timeout_s, environment=environment, merged=True, kept_bytes=4096)


def _last_words(output: bytes) -> str:
    """Return the last line that the process wrote, except TensorFlow's notices (I0000 …, W0000 …)."""
    lines = (line.strip() for line in reversed(output.decode("utf-8", "replace").split("\n")))
    last = next((line for line in lines if line and not re.match(r"[IW]\d{4} |WARNING:", line)), "")
    return f": {last[:300]}" if last else ""
