"""Score outputs with a user's metric, in a child process: it may import TensorFlow."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import processes
from harness.errors import ModelError
from harness.quantize.calibration.arrays import first_line, load
from harness.quantize.user_code import find

TIMEOUT_S = 900.0
Array = npt.NDArray[Any]


def score(metric: str, labels: Array, outputs: Sequence[Array], timeout_s: float = TIMEOUT_S) -> Array:
    """Return one score per sample, a float32; more is better.

    metric: package.module:callable, called with the labels and the outputs of all samples (an array, or a
    list of arrays if the model has several outputs); it returns one number per sample. Raises ModelError.
    """
    with tempfile.TemporaryDirectory(prefix="qbench-") as folder:
        asked, result = Path(folder) / "asked.npz", Path(folder) / "scores.npy"
        np.savez(asked, labels, *outputs)
        done = _run(metric, asked, result, timeout_s)
        if result.exists():
            (scores,) = load(result).values()
            return scores
        error = result.with_suffix(".error")
        why = error.read_text(encoding="utf-8") if error.exists() else f"its process {done.exit}"
        raise ModelError(f"metric {metric}: {why}")


def _run(metric: str, asked: Path, result: Path, timeout_s: float) -> processes.Finished:
    # -P: do not import a folder named "harness" in the working directory.
    command = [sys.executable, "-P", "-m", __name__, json.dumps([metric, str(asked), str(result)])]
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return processes.run(command, timeout_s=timeout_s, environment=environment, merged=True, kept_bytes=4096)


def main(metric: str, asked: Path, result: Path) -> int:
    """Call the metric and write the scores, or a line in an .error beside them. Returns the exit status."""
    labels, *outputs = load(asked).values()
    try:
        scores = np.asarray(find(metric)(labels, outputs[0] if len(outputs) == 1 else outputs), np.float32)
        if scores.shape != (len(labels),):
            raise ModelError(f"{len(labels)} numbers expected, found an array of shape {scores.shape}")
    except ModelError as error:
        message = str(error)
    except (Exception, SystemExit) as error:
        message = f"raised {type(error).__name__}: {first_line(error)}"
    else:
        np.save(result.with_suffix(".tmp.npy"), scores)
        result.with_suffix(".tmp.npy").rename(result)
        return 0
    result.with_suffix(".error").write_text(message, encoding="utf-8")
    return 1


if __name__ == "__main__":
    _metric, _asked, _result = json.loads(sys.argv[1])
    sys.exit(main(_metric, Path(_asked), Path(_result)))
