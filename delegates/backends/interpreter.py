"""An opened model: set inputs, invoke, read outputs as real values."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

Detail = Dict[str, Any]


class Interpreter:
    """Wraps a runtime's Interpreter, or an object with the same methods (compiled.py).

    `raw` is the wrapped object; `log` what the delegate wrote while the model was opened, if it is kept.
    """

    log = ""

    def __init__(self, interpreter: Any, nodes: Optional[List[Detail]] = None) -> None:
        """nodes: the graph's nodes as the delegate left them, if they may change afterwards."""
        self.raw, self.nodes = interpreter, nodes
        self.invoke = interpreter.invoke

    def allocate(self) -> None:
        """Allocate tensors. `inputs` and the outputs are known afterwards."""
        self.raw.allocate_tensors()
        self._inputs: List[Detail] = self.raw.get_input_details()
        self._outputs: List[Detail] = self.raw.get_output_details()

    @property
    def inputs(self) -> Sequence[Detail]:
        """The runtime's descriptions of the input tensors."""
        return self._inputs

    def set_inputs(self, arrays: Sequence[Any]) -> None:
        """Copy in one array of real values per input, each of the input's shape; they are quantized here."""
        for detail, array in zip(self._inputs, self.native(arrays)):
            self.raw.set_tensor(detail["index"], array)

    def invoke_with_copies(self, arrays: Sequence[Any]) -> None:
        """Copy inputs in, invoke, and copy outputs out, as an app does. arrays: in the tensors' own types."""
        for detail, array in zip(self._inputs, arrays):
            self.raw.set_tensor(detail["index"], array)
        self.invoke()
        for detail in self._outputs:
            self.raw.get_tensor(detail["index"])

    def native(self, arrays: Sequence[Any]) -> List[Any]:
        """Return the arrays of real values in the types and shapes of the input tensors."""
        return [quantize(array, detail) for detail, array in zip(self._inputs, arrays)]

    def outputs(self) -> List[Any]:
        """Return one float32 array of real values per output."""
        return [dequantize(self.raw.get_tensor(d["index"]), d) for d in self._outputs]

    def output_names(self) -> List[str]:
        """Return the output tensors' names, in the order of `outputs`."""
        return [str(detail["name"]) for detail in self._outputs]


def quantize(array: Any, detail: Detail) -> Any:
    """Convert real values to the tensor's type: q = round(real / scale) + zero_point, saturated.

    Source: TensorFlow Lite 8-bit quantization specification. Inputs are quantized per tensor.
    """
    import numpy as np

    dtype = np.dtype(detail["dtype"])
    scale, zero_point = detail.get("quantization", (0.0, 0))
    if scale and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        array = np.clip(np.rint(np.asarray(array, np.float64) / scale) + zero_point, limits.min, limits.max)
    return np.ascontiguousarray(array, dtype=dtype).reshape(detail["shape"])


def dequantize(array: Any, detail: Detail) -> Any:
    """Convert a tensor to float32: real = (q - zero_point) * scale, per tensor or along an axis."""
    import numpy as np

    parameters = detail.get("quantization_parameters", {})
    scales = np.asarray(parameters.get("scales", []), np.float64)
    if not scales.size or not np.issubdtype(array.dtype, np.integer):
        return np.asarray(array, np.float32)
    zero_points = np.asarray(parameters["zero_points"], np.float64)
    if scales.size > 1:
        shape = [1] * array.ndim
        shape[parameters["quantized_dimension"]] = scales.size
        scales, zero_points = scales.reshape(shape), zero_points.reshape(shape)
    return ((array.astype(np.float64) - zero_points) * scales).astype(np.float32)
