"""Read sample inputs, and compute the model's outputs for them, by which variants are compared."""

from __future__ import annotations

import base64
from time import perf_counter_ns
from typing import Any, Dict, List, Optional, Sequence

from ..backends.interpreter import Interpreter
from ..wire import Output

# Values per output tensor that are sent home; larger tensors are subsampled evenly.
MAX_OUTPUT_VALUES = 1 << 18


def read(path: Optional[str], inputs: Sequence[Dict[str, Any]]) -> List[List[Any]]:
    """Read the samples in an .npz, each as one array per input of the model, in the model's order.

    Arrays are matched to inputs by name if every input has one of its name, else by order. Without a file
    there is one sample of zeros. Raises ValueError if the arrays don't fit the inputs.
    """
    import numpy as np

    if path is None:
        return [[np.zeros(detail["shape"], detail["dtype"]) for detail in inputs]]
    with np.load(path, allow_pickle=False) as file:
        arrays = [file[key] for key in file.files]
        by_name = [file[d["name"]] for d in inputs if d["name"] in file.files]
    if len(by_name) == len(inputs):
        arrays = by_name
    if len(arrays) != len(inputs):
        raise ValueError("%d sample inputs for a model with %d inputs" % (len(arrays), len(inputs)))
    count = min(len(array) for array in arrays)
    return [[fit(array[i], detail) for array, detail in zip(arrays, inputs)] for i in range(count)]


def fit(sample: Any, detail: Dict[str, Any]) -> Any:
    """Return a sample in the input's shape, repeated if the model's batch is larger than one."""
    import numpy as np

    shape = [int(n) for n in detail["shape"]]
    wanted = int(np.prod(shape))
    if not sample.size or wanted % sample.size:
        raise ValueError(
            "input %s wants shape %s, the sample has %s" % (detail["name"], shape, list(sample.shape))
        )
    return np.resize(sample, shape)


def outputs(interpreter: Interpreter, samples: Sequence[Sequence[Any]], limit_ns: int) -> List[Output]:
    """Return the model's outputs for as many samples as fit into `limit_ns`, in order, at least one."""
    runs: List[List[Any]] = []
    end = perf_counter_ns() + limit_ns
    for sample in samples:
        interpreter.set_inputs(sample)
        interpreter.invoke()
        runs.append(interpreter.outputs())
        if perf_counter_ns() >= end:
            break
    interpreter.set_inputs(samples[0])
    if len({tuple(array.shape for array in run) for run in runs}) > 1:
        runs = runs[:1]  # shapes depend on the values: such outputs can't be stacked
    most = max(1, MAX_OUTPUT_VALUES // len(samples))
    return [pack(name, arrays, most) for name, arrays in zip(interpreter.output_names(), zip(*runs))]


def pack(name: str, arrays: Sequence[Any], most: int) -> Output:
    """Stack an output of several samples, with at most `most` values per sample.

    `most` does not depend on the number of runs, so that slow and fast cells send the same values.
    """
    import numpy as np

    values = np.stack(arrays)
    subsampled = values[0].size > most
    if subsampled:
        # Not every n-th value: if n is a multiple of the channel count, all would be of one channel.
        places = np.linspace(0, values[0].size - 1, most).astype(np.int64)
        values = values.reshape(len(arrays), -1)[:, places]
    data = base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes())
    return Output(name=name, shape=list(values.shape), data=data.decode("ascii"), subsampled=subsampled)
