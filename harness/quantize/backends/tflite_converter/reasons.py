"""One line for an error whose message may fill a screen."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.errors import ModelError

_NO_KERNEL = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
_LOCATION = re.compile(r"^<unknown>:0: (error: )?(loc\(.*\): )?")
_NEED = {
    "sklearn": "scikit-learn",
    "tf_keras": "tf-keras",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
}
LIMIT = 240
# Exceptions of TensorFlow and messages of C++ that are not about the model. Sources: absl's status codes, the
# texts of errno.h.
_MACHINE_TYPES = (
    "ResourceExhaustedError", "AbortedError", "CancelledError", "UnavailableError", "DeadlineExceededError",
    "PermissionDeniedError", "DataLossError",
)  # fmt: skip
_MACHINE_WORDS = re.compile(
    r"bad_alloc|out of memory|cannot allocate memory|no space left|disk quota|file too large|too many open"
    r" files|input/output error|read-only file system",
    re.I,
)


def of_the_machine(error: BaseException | None) -> bool:
    """Return True if an error, or its cause, is about memory, disk or a file and not about the model."""
    if error is None:
        return False
    own = isinstance(error, (MemoryError, OSError)) or type(error).__name__ in _MACHINE_TYPES
    if own or _MACHINE_WORDS.search(str(error)):
        return True
    return of_the_machine(error.__cause__) or of_the_machine(error.__context__)


def one_line(error: BaseException, *, name_type: bool = False) -> str:
    """Return an error's reason as one line of at most 240 characters, after its type with `name_type`."""
    if isinstance(error, ModelError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name in _NEED:
        return f"{_NEED[error.name]} is not installed: pip install 'qbench-tflite[convert]'"
    text = str(error)
    if ops := sorted(set(_NO_KERNEL.findall(text))):
        return f"TensorFlow Lite has no op for {', '.join('tf.' + op for op in ops)}"
    line = _telling_line(text)
    if not line:
        return type(error).__name__
    if name_type and not re.match(r"\w+(Error|Exception): ", line):
        line = f"{type(error).__name__}: {line}"
    return line if len(line) <= LIMIT else line[: LIMIT - 1] + "…"


def with_unrolling(reason: str, recurrent: Sequence[str]) -> str:
    """Return the reason, with a remedy for a known crash of the converter (seen with TensorFlow 2.21).

    It dies of SIGSEGV on the loops of Keras' LSTM and GRU layers when it calibrates; unrolled ones convert.
    """
    if not recurrent or "killed by SIGSEGV" not in reason:
        return reason
    some = ", ".join(recurrent[:3]) + (", …" if len(recurrent) > 3 else "")
    return f"{reason}, as it does on recurrent Keras layers ({some}); built with unroll=True they convert"


def _telling_line(text: str) -> str:
    """Return the first line with text; after AutoGraph's "in user code:" the last, which has the error."""
    text = re.sub(r"(?<=[.a-z])(?=Node number \d)", " ", text)  # TFLite glues its messages together
    lines = [stripped for line in text.splitlines() if (stripped := _LOCATION.sub("", line.strip()))]
    if not lines:
        return ""
    return " ".join(lines[-1 if lines[0] == "in user code:" else 0].split())
