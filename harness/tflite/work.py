"""Count multiply-accumulates and parameters of ops, from shapes alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.tflite.model import ModelInfo, OpInfo, TensorInfo

_FLOATS = frozenset({"float32", "float16", "bfloat16", "float64"})

Shape = tuple[int, ...]


def macs(op: OpInfo, model: ModelInfo) -> int | None:
    """Return the multiply-accumulates of one inference; None for an op that is not defined below.

    Sources: the definition of each op's sum in TensorFlow Lite's reference kernels and the layouts of
    their weights in schema.fbs's comments. Padding counts as if it were computed, as is usual. A shape
    with a dynamic dimension counts as the file states it.
    """
    formula = None if op.custom else _FORMULAS.get(op.name)
    inputs = [model.tensors[i] for i in op.inputs]
    if formula is None or not op.outputs or len(inputs) < formula[0]:
        return None
    try:
        return formula[1](op, inputs, model.tensors[op.outputs[0]].shape)
    except IndexError:  # a rank that no kernel supports
        return None


def uncounted(op: OpInfo, model: ModelInfo) -> bool:
    """Return True for an op that multiplies matrices, or may do so, and has no count in `macs`.

    Element by element arithmetic counts as no multiply-accumulate, as is usual.
    """
    if op.custom or op.name in _UNCOUNTED or op.name.startswith("STABLEHLO_"):
        return True
    return op.name in _FORMULAS and macs(op, model) is None


def parameters(op: OpInfo, model: ModelInfo) -> int:
    """Return the number of weights and biases: elements of constant inputs that stand for real values."""
    return sum(elements(model.tensors[i]) for i in dict.fromkeys(op.inputs) if is_parameter(model.tensors[i]))


def total_parameters(model: ModelInfo) -> int:
    """Return the `parameters` of the whole model; a tensor that several ops share counts once."""
    used = {i for op in model.ops for i in op.inputs}
    return sum(elements(model.tensors[i]) for i in used if is_parameter(model.tensors[i]))


def calls_others(model: ModelInfo) -> bool:
    """Return True if ops of the primary subgraph run other subgraphs, which have parameters of their own."""
    return any(op.name in _CALLS and not op.custom for op in model.ops)


def is_parameter(tensor: TensorInfo) -> bool:
    """Return True for a constant that stands for real values."""
    return tensor.constant and (tensor.dtype in _FLOATS or tensor.quantization is not None)


def elements(tensor: TensorInfo) -> int:
    """Return the number of elements."""
    return math.prod(tensor.shape)


def _conv_2d(op: OpInfo, inputs: Sequence[TensorInfo], out: Shape) -> int:
    """Count for weights [output channels, height, width, input channels (of a group)]."""
    return math.prod(out) * math.prod(inputs[1].shape[1:4])


def _depthwise_conv_2d(op: OpInfo, inputs: Sequence[TensorInfo], out: Shape) -> int:
    """Count for weights [1, height, width, output channels]."""
    return math.prod(out) * inputs[1].shape[1] * inputs[1].shape[2]


def _transpose_conv(op: OpInfo, inputs: Sequence[TensorInfo], out: Shape) -> int:
    """Count every weight of its channel for each input element; weights are as those of CONV_2D."""
    return math.prod(inputs[2].shape) * math.prod(inputs[1].shape[:3])


def _fully_connected(op: OpInfo, inputs: Sequence[TensorInfo], out: Shape) -> int:
    """Count for weights [outputs, inputs]."""
    return math.prod(out) * inputs[1].shape[1]


def _batch_matmul(op: OpInfo, inputs: Sequence[TensorInfo], out: Shape) -> int:
    return math.prod(out) * inputs[0].shape[-2 if op.options.get("AdjX") else -1]


def _conv_3d(op: OpInfo, inputs: Sequence[TensorInfo], out: Shape) -> int:
    """Count for weights [depth, height, width, input channels, output channels]."""
    return math.prod(out) * math.prod(inputs[1].shape[:4])


def _conv_3d_transpose(op: OpInfo, inputs: Sequence[TensorInfo], out: Shape) -> int:
    """Count every weight of its channel per input element: [depth, height, width, outputs, inputs]."""
    return math.prod(inputs[2].shape) * math.prod(inputs[1].shape[:4])


def _lstm(op: OpInfo, inputs: Sequence[TensorInfo], out: Shape) -> int:
    """Count each weight once per time step: the gates' for the input and for the state, the projection's.

    The matrices behind the weights are the two states. The basic kernel has its weights in one.
    """
    if op.options.get("KernelType") == _BASIC_KERNEL:
        return _steps(inputs) * elements(inputs[2])
    matrices = [tensor for tensor in inputs[1:] if len(tensor.shape) == 2]
    return _steps(inputs) * sum(map(elements, matrices[:-2]))


def _rnn(op: OpInfo, inputs: Sequence[TensorInfo], out: Shape) -> int:
    """Count the weights for the data and for the state once per time step: inputs 1 and 2."""
    return _steps(inputs) * (elements(inputs[1]) + elements(inputs[2]))


def _steps(inputs: Sequence[TensorInfo]) -> int:
    """Return the time steps of all samples of the batch: all dimensions of the data except the features."""
    return math.prod(inputs[0].shape[:-1])


_BASIC_KERNEL = 1  # LSTMKernelType of schema.fbs

# Ops that run other subgraphs, and ops with matrix products inside that are not worked out here.
_CALLS = frozenset({"CALL", "CALL_ONCE", "IF", "WHILE", "STABLEHLO_COMPOSITE"})
_UNCOUNTED = _CALLS | {"BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "RFFT2D", "SVDF"}
_FORMULAS: dict[str, tuple[int, Callable[[OpInfo, Sequence[TensorInfo], Shape], int]]] = {
    "CONV_2D": (2, _conv_2d),
    "DEPTHWISE_CONV_2D": (2, _depthwise_conv_2d),
    "TRANSPOSE_CONV": (3, _transpose_conv),
    "FULLY_CONNECTED": (2, _fully_connected),
    "BATCH_MATMUL": (2, _batch_matmul),
    "CONV_3D": (2, _conv_3d),
    "CONV_3D_TRANSPOSE": (3, _conv_3d_transpose),
    "LSTM": (5, _lstm),
    "RNN": (3, _rnn),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (5, _lstm),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (3, _rnn),
}
