"""Steps that the converter repeats for every variant of a model, done once.

Seen with TensorFlow 2.21: for every variant it loads the SavedModel twice, to read the names of signatures
and debug information that it drops. For every calibrated variant it makes and calibrates the same float
model; for int16 it feeds the samples twice. The functions replaced here are not public: if TensorFlow lacks
one of them, each variant is made on its own, and its file is the same.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness.tflite import read_model

_KEEPS_STATE = re.compile("LSTM|RNN|SVDF|VAR|CALL_ONCE|RANDOM|MULTINOMIAL")

# A module or class, the name of a function in it, and what takes that function and returns its replacement.
_Replaced = tuple[Any, str, Callable[[Any], Callable[..., Any]]]


@contextlib.contextmanager
def shared_steps(folder: Path, calibration: str | None) -> Iterator[None]:
    """Let a conversion in this block take steps from others, and leave its own to them, in `folder`.

    calibration: identifies the samples; None: there are none, so no step is worth keeping.
    """
    with contextlib.ExitStack() as undo:
        for owner, name, replacement in _replaced(folder, calibration):
            original = getattr(owner, name)
            undo.callback(setattr, owner, name, original)
            setattr(owner, name, replacement(original))
        yield


def _replaced(folder: Path, calibration: str | None) -> Sequence[_Replaced]:
    try:
        lite = importlib.import_module("tensorflow.lite.python.lite")
        converting = importlib.import_module("tensorflow.compiler.mlir.lite.python.wrap_converter")
        calibrator = importlib.import_module("tensorflow.lite.python.optimize.calibrator").Calibrator
    except (ImportError, AttributeError):
        return ()
    replaced: list[_Replaced] = [(lite, "_load", lambda _: _load)]
    if calibration is not None:
        replaced += [
            (converting, "wrapped_convert", partial(_converted, folder)),
            (calibrator, "calibrate", partial(_calibrated, folder, calibration)),
            (calibrator, "_feed_tensors", _fed_once),
        ]
    return replaced if all(hasattr(owner, name) for owner, name, _ in replaced) else ()


def _load(*_: object) -> object:
    """Return all that TFLiteConverter reads of a canonical SavedModel."""
    return SimpleNamespace(signatures={"serving_default": None}, graph_debug_info=None)


def _converted(folder: Path, convert: Any) -> Callable[..., bytes]:
    """Remember the results of `convert`, whose arguments are serialized settings."""
    return lambda *settings: once(folder, [repr(settings).encode()], lambda: convert(*settings))


def _calibrated(folder: Path, samples: str, calibrate: Any) -> Callable[..., bytes]:
    """Remember the results of `calibrate`, unless a second pass over the samples may find other ranges."""

    def calibrated(self: Any, dataset: Any) -> bytes:
        model: bytes = self._model_content
        if _keeps_state(model):
            return calibrate(self, dataset)  # type: ignore[no-any-return]
        content = once(folder, [samples.encode(), model], lambda: calibrate(self, dataset))
        self.__init__(content)  # its ranges are those that another pass would find
        self.has_ranges = True
        return content

    return calibrated


def _fed_once(feed: Any) -> Callable[..., None]:
    """Skip `feed` for a calibrator whose model has its ranges."""
    return lambda self, *args, **kwargs: None if hasattr(self, "has_ranges") else feed(self, *args, **kwargs)


def _keeps_state(model: bytes) -> bool:
    info = read_model(model, "the float model")
    names = {op.name for op in info.ops} | {name for name, _ in info.elsewhere}
    return any(op.custom for op in info.ops) or any(_KEEPS_STATE.search(name) for name in names)


def once(folder: Path, made_from: Sequence[bytes], make: Callable[[], bytes]) -> bytes:
    """Return what `make` makes, from the file in `folder` that it was written to if it was made before.

    Processes that want the same wait for the one that makes it; if that dies, the next one tries.
    """
    folder.mkdir(exist_ok=True)
    key = hashlib.sha256()
    for part in made_from:
        key.update(part)
    path = folder / key.hexdigest()
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return path.read_bytes()
        made = make()
        temporary = path.with_suffix(".tmp")
        try:
            temporary.write_bytes(made)
            temporary.replace(path)
        except OSError:  # no space left: the others make it themselves
            temporary.unlink(missing_ok=True)
        return made
