"""A converter process: `python -m harness.quantize.backends.tflite_converter.worker [MODULE]…`.

TensorFlow is imported without the MODULEs, which it can do without.

Reads one request per line on stdin and answers each with a line on stdout (see `messages`). Everything else
that Python or a C library writes to stdout goes to stderr. It ends when stdin ends.

This module, `sources`, `tracing`, `sharing`, `trust` and `digits` beside it are the only ones that import
TensorFlow or Keras; `saving` does so for a model that the user holds as an object.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from delegates.probe.machine import die_with_parent
from harness.errors import ModelError
from harness.models.trees import OtherTree
from harness.quantize.backends.tflite_converter.messages import (
    Answer,
    Convert,
    Converted,
    Failed,
    Prepare,
    Prepared,
    Request,
    Settings,
    decode_request,
    encode,
)
from harness.quantize.backends.tflite_converter.reasons import of_the_machine, one_line
from harness.quantize.backends.tflite_converter.sharing import shared_steps
from harness.quantize.calibration.samples import InputSpec

Arrays = Mapping[str, npt.NDArray[Any]]


class Judged(Exception):
    """The converter rejects the model, for the reason in `__cause__`: it would fail again."""


def main() -> None:
    """Answer requests until there are no more."""
    die_with_parent()  # no converter outlives a qbench that is killed
    answers = os.fdopen(os.dup(1), "wb")
    requests = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    _import_tensorflow(hidden=sys.argv[1:])
    for line in requests:
        answers.write(encode(_answer(decode_request(line))))
        answers.flush()


def _import_tensorflow(hidden: Sequence[str]) -> None:
    """Import TensorFlow before the first request, in half the time; if that fails, the request reports it.

    What is imported stays: looking for garbage in it takes a third. hidden: modules that look as if they
    were not installed meanwhile.
    """
    gc.disable()
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        import tensorflow  # noqa: F401
    except Exception as error:
        sys.stderr.write(f"{error}\n")
    for name in hidden:
        del sys.modules[name]
    gc.freeze()
    gc.enable()


def _answer(request: Request) -> Answer:
    try:
        return _prepare(request) if isinstance(request, Prepare) else _convert(request)
    except BaseException as error:  # a user's callable may even call sys.exit
        judged = isinstance(error, Judged)
        cause = error.__cause__ or error if judged else error
        return Failed(one_line(cause, name_type=isinstance(request, Prepare)), judged)


def _prepare(request: Prepare) -> Prepared:
    from harness.quantize.backends.tflite_converter import sources, tracing

    path = Path(request.path) if request.path else None
    cache, wanted = Path(request.cache), request.wanted
    tree = None if request.tree is None else OtherTree(*map(Path, request.tree))
    loaded = sources.load(request.kind, request.source, path, cache, request.trust, wanted, tree)
    made = tracing.write_canonical(loaded, wanted, Path(request.out))
    inputs = tuple(InputSpec(s.name, s.dtype.name, tuple(s.shape.as_list())) for s in made.inputs)
    recurrent = tuple(tracing.recurrent_layers(loaded.owner))
    return Prepared(inputs, made.values, made.structure, recurrent, made.shape)


def _convert(request: Convert) -> Converted:
    samples = f"{request.calibration} {request.inputs}" if request.calibration else None
    with shared_steps(Path(f"{request.saved_model}-steps"), samples):
        made = _converted(request)
    Path(request.out).write_bytes(made)
    return Converted()


def _converted(request: Convert) -> bytes:
    """Return the .tflite. Raises Judged if it is the model that the converter rejects."""
    converter = _configured(request.saved_model, request.settings)
    if request.calibration:
        arrays = _load(Path(request.calibration), request.inputs)
        converter.representative_dataset = lambda: _feed(arrays, request.inputs)
    # One scale per dense layer instead of one per channel: older runtimes know no other form.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = request.compatible
    try:
        return converter.convert()  # type: ignore[no-any-return]
    except Exception as error:
        if of_the_machine(error):
            raise
        raise Judged from error


def _configured(saved_model: str, settings: Settings) -> Any:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    converter.optimizations = [_member(tf.lite.Optimize, name) for name in settings.optimizations]
    if settings.supported_ops:
        converter.target_spec.supported_ops = [_member(tf.lite.OpsSet, n) for n in settings.supported_ops]
    converter.target_spec.supported_types = [tf.as_dtype(name) for name in settings.supported_types]
    if settings.inference_input_type:
        converter.inference_input_type = tf.as_dtype(settings.inference_input_type)
    if settings.inference_output_type:
        converter.inference_output_type = tf.as_dtype(settings.inference_output_type)
    return converter


def _member(kind: Any, name: str) -> Any:
    if name not in kind.__members__:
        raise Judged from ModelError(f"{name} is not one of the converter's {', '.join(kind.__members__)}")
    return kind[name]


def _load(path: Path, inputs: Sequence[InputSpec]) -> Arrays:
    with np.load(path, allow_pickle=False) as file:
        return {spec.name: file[spec.name].astype(spec.dtype) for spec in inputs}


def _feed(arrays: Arrays, inputs: Sequence[InputSpec]) -> Iterator[Arrays]:
    """Return the samples in batches; the last batch is filled up with the first samples."""
    batch = max((spec.shape[0] for spec in inputs if spec.shape), default=1)
    count = min(len(array) for array in arrays.values())
    for start in range(0, count, batch):
        yield {spec.name: _take(arrays[spec.name], start, spec.shape, count) for spec in inputs}


def _take(array: npt.NDArray[Any], start: int, shape: Sequence[int], count: int) -> npt.NDArray[Any]:
    """Return samples from `start` on in the input's shape, which may have no batch dimension."""
    if not shape:
        return np.asarray(array[start])
    return array[[(start + i) % count for i in range(shape[0])]].reshape(shape)


if __name__ == "__main__":
    main()
