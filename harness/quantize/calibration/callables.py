"""A user's callable as calibration data: it may import TensorFlow, so it runs in a child process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from harness.errors import ModelError
from harness.quantize.calibration import InputSpec
from harness.quantize.calibration.arrays import Arrays, load

TIMEOUT_S = 900.0  # a dataset may have to be unpacked first


def read(source: str, inputs: Sequence[InputSpec], options: Mapping[str, Any]) -> tuple[Arrays, list[str]]:
    """What the callable returns or yields, its arrays under the model's input names."""
    return evaluate_callable(source, inputs, options["samples"]), []


def evaluate_callable(
    text: str, inputs: Sequence[InputSpec], limit: int, timeout_s: float = TIMEOUT_S
) -> Arrays:
    """At most about `limit` samples (whole batches) of `package.module:callable`, one array per input.

    Raises ModelError when it cannot be imported, raises, dies, hangs, or gives what is no data.
    """
    where = f"calibration {text}"
    with tempfile.TemporaryDirectory(prefix="qbench-") as folder:
        result = Path(folder) / "samples.npz"
        request = {
            "text": text,
            "limit": limit,
            "result": str(result),
            "inputs": [(spec.name, spec.dtype, spec.shape) for spec in inputs],
        }
        with (Path(folder) / "output").open("w+b") as output:
            status = _run(json.dumps(request), output, timeout_s, where)
            if result.exists():
                arrays = load(result)
                return {spec.name: arrays[f"arr_{i}"] for i, spec in enumerate(inputs)}
            error = result.with_suffix(".error")
            if error.exists():
                raise ModelError(f"{where}: {error.read_text(encoding='utf-8')}")
            raise ModelError(f"{where}: its process {_end(status)}{_tail(output)}")


def _run(request: str, output: IO[bytes], timeout_s: float, where: str) -> int:
    # -P keeps a folder of the user's that is called "harness" from being taken for ours.
    command = [sys.executable, "-P", "-m", "harness.quantize.calibration.child", request]
    ours = str(Path(__file__).parents[3])
    paths = [ours, *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            timeout=timeout_s,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        raise ModelError(f"{where}: no data after {timeout_s:g} s; it was stopped") from None


def _end(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _tail(output: IO[bytes]) -> str:
    """The last line that the process wrote; not a notice of TensorFlow's (I0000 …, W0000 …)."""
    output.seek(0, os.SEEK_END)
    output.seek(max(0, output.tell() - 4096))
    lines = output.read().decode("utf-8", "replace").split("\n")
    said = (line.strip() for line in reversed(lines))
    last = next((line for line in said if line and not re.match(r"[IW]\d{4} |WARNING:", line)), "")
    return f": {last[:300]}" if last else ""
