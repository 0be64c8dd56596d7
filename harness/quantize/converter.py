"""The child process that makes variants: `python -m harness.quantize.converter`.

Reads one JSON request per line on stdin, answers one JSON object per line on stdout: {"ok": …} or
{"error": one line, "final": whether that is the converter's judgement of the model}. Everything else that
is written to stdout, by Python or by a C library, goes to stderr. It ends when stdin ends.

This module, `sources` and `tracing` beside it and harness.models.builtin are the only ones that import
TensorFlow or Keras.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from delegates.probe.machine import die_with_parent
from harness.errors import ModelError
from harness.quantize.reasons import of_the_machine, one_line


class Judged(Exception):
    """The converter refused the model, for the reason in `__cause__`: it would do so again."""


def main() -> None:
    """Answer requests until there are no more."""
    die_with_parent()  # a qbench that is killed leaves no converter at work
    answers = os.fdopen(os.dup(1), "w")
    requests = os.fdopen(os.dup(0))
    os.dup2(2, 1)
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    _import_tensorflow()
    for line in requests:
        print(json.dumps(_answer(json.loads(line))), file=answers, flush=True)


def _import_tensorflow() -> None:
    """Use the time until the first request; a TensorFlow that fails to import is that request's error."""
    try:
        import tensorflow  # noqa: F401
    except Exception as error:
        sys.stderr.write(f"{error}\n")


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    what = request.pop("do")
    try:
        return {"ok": _DO[what](**request)}
    except BaseException as error:  # a user's callable may even call sys.exit
        judged = isinstance(error, Judged)
        cause = error.__cause__ or error if judged else error
        return {"error": one_line(cause, name_type=what == "prepare"), "final": judged}


def _prepare(
    kind: str, source: str, path: str | None, batch: int, cache: str, out: str, trust: bool
) -> dict[str, Any]:
    """Write the canonical SavedModel to `out`; tells its inputs, its recurrent layers and its hash."""
    from harness.quantize import sources, tracing

    loaded = sources.load(kind, source, Path(path) if path else None, Path(cache), trust)
    made = tracing.write_canonical(loaded, batch, Path(out))
    specs = [{"name": s.name, "dtype": s.dtype.name, "shape": s.shape.as_list()} for s in made.inputs]
    recurrent = tracing.recurrent_layers(loaded.owner)
    return {"inputs": specs, "values": made.values, "structure": made.structure, "recurrent": recurrent}


def _convert(
    saved_model: str,
    inputs: list[dict[str, Any]],
    settings: dict[str, Any],
    calibration: str | None,
    compatible: bool,
    out: str,
) -> None:
    """Convert the canonical SavedModel with the settings and write the .tflite to `out`."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    converter.optimizations = [_optimization(name) for name in settings["optimizations"]]
    if settings["supported_ops"]:
        converter.target_spec.supported_ops = [_member(tf.lite.OpsSet, n) for n in settings["supported_ops"]]
    converter.target_spec.supported_types = [tf.as_dtype(name) for name in settings["supported_types"]]
    for end in ("inference_input_type", "inference_output_type"):
        if settings[end]:
            setattr(converter, end, tf.as_dtype(settings[end]))
    if calibration:
        arrays = _load(Path(calibration), inputs)
        converter.representative_dataset = lambda: _feed(arrays, inputs)
    # One scale per dense layer instead of one per channel: older runtimes know no other form.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = compatible
    try:
        made = converter.convert()
    except Exception as error:
        if of_the_machine(error):
            raise
        raise Judged from error
    Path(out).write_bytes(made)


def _optimization(name: str) -> Any:
    import tensorflow as tf

    retired = ("OPTIMIZE_FOR_SIZE", "OPTIMIZE_FOR_LATENCY")  # they have meant DEFAULT since TensorFlow 2
    return _member(tf.lite.Optimize, "DEFAULT" if name in retired else name)


def _member(kind: Any, name: str) -> Any:
    if name not in kind.__members__:
        raise Judged from ModelError(f"{name} is not one of the converter's {', '.join(kind.__members__)}")
    return kind[name]


def _load(path: Path, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        return {i["name"]: file[i["name"]].astype(i["dtype"]) for i in inputs}


def _feed(arrays: Mapping[str, Any], inputs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The samples, as many at a time as the batch holds; the last ones are filled up from the first."""
    batch = max((i["shape"][0] for i in inputs if i["shape"]), default=1)
    count = min(len(array) for array in arrays.values())
    for start in range(0, count, batch):
        yield {i["name"]: _take(arrays[i["name"]], start, i["shape"], count) for i in inputs}


def _take(array: Any, start: int, shape: list[int], count: int) -> Any:
    """Samples from `start` in the input's shape (which may have no batch dimension at all)."""
    if not shape:
        return array[start]
    return array[[(start + i) % count for i in range(shape[0])]].reshape(shape)


_DO: Mapping[str, Callable[..., Any]] = {"prepare": _prepare, "convert": _convert}

if __name__ == "__main__":
    main()
