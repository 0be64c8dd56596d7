"""Find out the shapes of all tensors for given shapes of the inputs, with a runtime in a child process.

`python -m harness.tflite.propagation` reads a .tflite from stdin, allocates its tensors, runs it once
on zeros and writes `[[index, shape], …]` of the primary subgraph, or `{"error": …}`, to stdout as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from harness import processes
from harness.errors import ModelError

TIMEOUT_S = 600.0
_MOST_BYTES = 1 << 26  # of an answer


def shapes_of(data: bytes) -> Mapping[int, tuple[int, ...]]:
    """Return the shapes of the tensors by index, once the inputs have the shapes that the file gives them.

    Those that are known only when the model has run on real values may be missing. Raises ModelError if the
    runtime refuses the model.
    """
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    done = processes.run(
        [sys.executable, "-P", "-m", __name__],
        timeout_s=TIMEOUT_S,
        stdin=data,
        environment={**os.environ, "PYTHONPATH": path},
        kept_bytes=_MOST_BYTES,
    )
    if not done.exit.ok:
        raise ModelError(f"the runtime that tried them {done.exit}")
    answer = json.loads(done.output)
    if isinstance(answer, dict):
        raise ModelError(str(answer["error"]))
    return {index: tuple(shape) for index, shape in answer if shape and min(shape) > 0}


def _answer(data: bytes) -> object:
    from ai_edge_litert import interpreter as litert

    try:
        interpreter = litert.Interpreter(
            model_content=data,
            experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    except Exception as error:
        return {"error": " ".join(str(error).split())}
    try:
        interpreter.invoke()
    except Exception as error:  # zeros are no valid input: what is known before has to do
        sys.stderr.write(f"{error}\n")
    return [[int(one["index"]), one["shape"].tolist()] for one in interpreter.get_tensor_details()]


def main() -> None:
    """Answer for the model on stdin."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the runtime prints
    answers.write(json.dumps(_answer(sys.stdin.buffer.read())))
    answers.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
