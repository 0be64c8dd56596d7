"""Runs a user's callable and writes its samples; started by `callables` in a process of its own.

The only argument is a JSON object: text, limit, inputs [(name, dtype, shape)], result (an .npz to write,
one array per input in their order, or beside it an .error with one line).
"""

from __future__ import annotations

import difflib
import importlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError
from harness.quantize.calibration import InputSpec
from harness.quantize.calibration.arrays import first_line, fit, match

WHERE = "it"  # who reads the error knows which callable is meant


def main(request: Mapping[str, Any]) -> int:
    result = Path(request["result"])
    inputs = [InputSpec(name, dtype, tuple(shape)) for name, dtype, shape in request["inputs"]]
    sys.path.insert(0, str(Path.cwd()))
    try:
        arrays = collect(find(request["text"])(), inputs, request["limit"])
        with result.with_suffix(".tmp").open("wb") as file:
            np.savez(file, *arrays)
        result.with_suffix(".tmp").rename(result)
    except ModelError as error:
        message = str(error)
    except (Exception, SystemExit) as error:
        message = f"raised {type(error).__name__}: {first_line(error)}"
    else:
        return 0
    result.with_suffix(".error").write_text(message, encoding="utf-8")
    return 1


def find(text: str) -> Callable[[], Any]:
    """The callable behind `package.module:name`."""
    module_name, _, path = text.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not module_name.startswith(error.name or "\0"):
            raise
        raise ModelError(f"no module {error.name}, neither installed nor in {Path.cwd()}") from None
    for name in path.split("."):
        if not hasattr(found, name):
            close = difflib.get_close_matches(name, dir(found), n=1)
            raise ModelError(
                f'no "{name}" in {module_name}' + (f"; did you mean {close[0]}?" if close else "")
            )
        found = getattr(found, name)
    if not callable(found):
        raise ModelError(f"it is not callable but of type {type(found).__name__}")
    return found  # type: ignore[no-any-return]


def collect(value: Any, inputs: Sequence[InputSpec], limit: int) -> list[npt.NDArray[Any]]:
    """One array (samples, *shape) per input, from whole items until there are `limit` samples."""
    parts: list[list[npt.NDArray[Any]]] = []
    total = 0
    for item in items(value() if callable(value) and not hasattr(value, "__iter__") else value):
        arrays = [fit(array, spec, WHERE) for array, spec in zip(split(item, inputs), inputs, strict=True)]
        if len({len(array) for array in arrays}) > 1:
            raise ModelError(f"its inputs have different numbers of samples: {[len(a) for a in arrays]}")
        parts.append(arrays)
        total += len(arrays[0])
        if total >= limit:
            break
    if not parts:
        raise ModelError("it has no samples")
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def items(value: Any) -> Iterator[Any]:
    """Samples or batches: a list, generator or dataset gives many, an array, dict or tuple is one."""
    if isinstance(value, Mapping | tuple) or hasattr(value, "__array__"):
        yield value
    elif hasattr(value, "__getitem__") and hasattr(value, "__len__"):  # also a Keras PyDataset
        yield from (value[i] for i in range(len(value)))
    elif isinstance(value, Iterable):
        yield from value
    else:
        raise ModelError(f"it returns {type(value).__name__}; expected an array, a dict or an iterable")


def split(item: Any, inputs: Sequence[InputSpec]) -> list[npt.NDArray[Any]]:
    """One array per input from an array, a dict, a list of one array per input, or (x, y)."""
    if isinstance(item, Mapping):
        named = {str(name): np.asarray(array) for name, array in item.items()}
        return list(match(named, inputs, WHERE).values())
    if isinstance(item, tuple | list) and not _numbers(item):
        if isinstance(item[0], Mapping | tuple | list) or (len(item) in (2, 3) and len(inputs) == 1):
            return split(item[0], inputs)  # (x, y) or (x, y, weights): the labels are left out
        if len(item) == len(inputs):
            return [np.asarray(array) for array in item]
        raise ModelError(f"a sample has {len(item)} arrays, the model has {len(inputs)} inputs")
    if len(inputs) != 1:
        raise ModelError(f"a sample is one array, the model has {len(inputs)} inputs")
    return [np.asarray(item)]


def _numbers(item: Sequence[Any]) -> bool:
    """True for an empty list and for (nested) plain numbers, which are one array."""
    while isinstance(item, tuple | list) and item:
        item = item[0]
    return not hasattr(item, "shape") and not isinstance(item, Mapping)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
