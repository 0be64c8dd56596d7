"""Wrap LiteRT's CompiledModel in the methods of Interpreter that qbench uses."""

from __future__ import annotations

from typing import Any, Dict, List

Detail = Dict[str, Any]

# The types that its TensorBuffer can be written and read as (ai-edge-litert 2.3).
_DTYPES = ("float32", "float16", "int32", "int8", "uint8", "bool", "bool_")


class CompiledInterpreter:
    """A compiled model and its buffers; its tensors' details are read from a plain Interpreter.

    The two name and order tensors differently (by signature, by graph), so they are matched by index.
    """

    def __init__(self, model: Any, plain: Any) -> None:
        self._model, self._plain = model, plain
        self._inputs: List[Any] = []
        self._outputs: List[Any] = []
        self._buffers: Dict[int, Any] = {}
        self._details: Dict[int, Detail] = {}

    def allocate_tensors(self) -> None:
        """Make the buffers. Raises ValueError if the signature lacks a tensor or Python can't fill one."""
        signature, names = next(iter(self._model.get_signature_list().items()))
        self._inputs = self._model.create_input_buffers(0)
        self._outputs = self._model.create_output_buffers(0)
        inputs = self._model.get_input_tensor_details(signature)
        outputs = self._model.get_output_tensor_details(signature)
        for name, buffer in zip(names["inputs"], self._inputs):
            self._buffers[inputs[name]["index"]] = buffer
        for name, buffer in zip(names["outputs"], self._outputs):
            self._buffers[outputs[name]["index"]] = buffer
        for detail in self.get_input_details() + self.get_output_details():
            self._details[detail["index"]] = detail
            if detail["index"] not in self._buffers:
                raise ValueError("the model's signature has no tensor %s" % detail["name"])
            dtype = getattr(detail["dtype"], "__name__", str(detail["dtype"]))
            if dtype not in _DTYPES:
                raise ValueError(
                    "LiteRT's Python interface hands a GPU no %s tensor: %s" % (dtype, detail["name"])
                )

    def get_input_details(self) -> List[Detail]:
        """Return descriptions of the input tensors, in the graph's order."""
        return list(self._plain.get_input_details())

    def get_output_details(self) -> List[Detail]:
        """Return descriptions of the output tensors, in the graph's order."""
        return list(self._plain.get_output_details())

    def get_tensor_details(self) -> List[Detail]:
        """Return descriptions of all tensors of the graph."""
        return list(self._plain.get_tensor_details())

    def _get_ops_details(self) -> List[Detail]:
        """Return the nodes without any delegate. Only the log says which of them run on the GPU."""
        return list(self._plain._get_ops_details())

    def set_tensor(self, index: int, array: Any) -> None:
        """Copy an array into the input with this tensor index."""
        self._buffers[index].write(array)

    def get_tensor(self, index: int) -> Any:
        """Return a copy of the tensor with this index, in its own type and shape."""
        import numpy as np

        detail = self._details[index]
        shape = [int(n) for n in detail["shape"]]
        return self._buffers[index].read(int(np.prod(shape)), detail["dtype"]).reshape(shape)

    def invoke(self) -> None:
        """Run the model's first signature."""
        self._model.run_by_index(0, self._inputs, self._outputs)
