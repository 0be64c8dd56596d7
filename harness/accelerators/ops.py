"""An op together with its tensors, and functions that rules use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.tflite import ModelInfo, OpInfo, TensorInfo

EIGHT_BIT = frozenset({"int8", "uint8"})

# ActivationFunctionType of schema.fbs.
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")


@dataclass(frozen=True)
class OpView:
    """An op with its input and output tensors."""

    op: OpInfo
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    made_by: frozenset[str] = frozenset()  # names of the ops whose outputs it reads

    @property
    def name(self) -> str:
        """The name of the op."""
        return self.op.name

    @property
    def activations(self) -> tuple[TensorInfo, ...]:
        """The tensors that are computed: inputs that are not constant, and all outputs."""
        return (*(t for t in self.inputs if not t.constant), *self.outputs)

    @property
    def fused_activation(self) -> str:
        """The name of the activation that is fused into the op, or NONE."""
        number = int(self.op.options.get("FusedActivationFunction", 0))
        return ACTIVATIONS[number] if 0 <= number < len(ACTIVATIONS) else str(number)

    def values(self, index: int) -> tuple[int, ...] | None:
        """Return the values of the constant input `index`; None if it is computed, large or absent."""
        return self.inputs[index].values if index < len(self.inputs) else None


def views(model: ModelInfo) -> list[OpView]:
    """Return the ops of the primary subgraph, in order."""
    makers = {tensor: op.name for op in model.ops for tensor in op.outputs}
    return [
        OpView(
            op,
            tuple(model.tensors[i] for i in op.inputs),
            tuple(model.tensors[i] for i in op.outputs),
            frozenset(makers[i] for i in op.inputs if i in makers),
        )
        for op in model.ops
    ]


def scale(tensor: TensorInfo) -> float | None:
    """Return the scale of a tensor; None unless it has exactly one."""
    quantization = tensor.quantization
    return quantization.scales[0] if quantization and len(quantization.scales) == 1 else None


def same_quantization(first: TensorInfo, second: TensorInfo) -> bool:
    """Return True if two quantized tensors have the same scales and zero points."""
    a, b = first.quantization, second.quantization
    return a is not None and b is not None and (a.scales, a.zero_points) == (b.scales, b.zero_points)


def axes(view: OpView, index: int = 1) -> tuple[int, ...] | None:
    """Return the axes in input `index`, counted from the front; None if they are computed."""
    values, rank = view.values(index), len(view.inputs[0].shape) if view.inputs else 0
    return None if values is None else tuple(value + rank if value < 0 else value for value in values)


# The inputs that determine the shape of an op's output, which is unknown beforehand if one is computed.
_SIZE_INPUTS: dict[str, tuple[int, ...]] = {
    "BATCH_TO_SPACE_ND": (1, 2), "BROADCAST_TO": (1,), "EXPAND_DIMS": (1,), "FILL": (0,), "MEAN": (1,),
    "MIRROR_PAD": (1,), "ONE_HOT": (1,), "PAD": (1,), "PADV2": (1,), "RANGE": (0, 1, 2),
    "REDUCE_ALL": (1,), "REDUCE_ANY": (1,), "REDUCE_MAX": (1,), "REDUCE_MIN": (1,), "REDUCE_PROD": (1,),
    "RESHAPE": (1,), "RESIZE_BILINEAR": (1,), "RESIZE_NEAREST_NEIGHBOR": (1,), "SCATTER_ND": (2,),
    "SLICE": (1, 2), "SPACE_TO_BATCH_ND": (1, 2), "SPARSE_TO_DENSE": (1,), "STRIDED_SLICE": (1, 2, 3),
    "SUM": (1,), "TILE": (1,), "TOPK_V2": (1,), "TRANSPOSE": (1,), "TRANSPOSE_CONV": (0,),
}  # fmt: skip
_ALWAYS_SIZED_LATE = frozenset({"WHERE", "UNIQUE", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"})


def sized_while_running(view: OpView) -> bool:
    """Return True if the shape of the output depends on values that are computed."""
    if view.name in _ALWAYS_SIZED_LATE:
        return True
    late = (i for i in _SIZE_INPUTS.get(view.name, ()) if i < len(view.inputs))
    return any(not view.inputs[i].constant for i in late)


def unpacks(view: OpView) -> bool:
    """Return True for a DEQUANTIZE of constant weights, which delegates run once, beforehand."""
    return (
        view.name == "DEQUANTIZE"
        and len(view.inputs) == len(view.outputs) == 1
        and view.inputs[0].constant
        and not view.inputs[0].sparse
        and view.inputs[0].dtype in {"float16", "int8"}
    )


def unpacked(seen: Sequence[OpView]) -> list[OpView]:
    """Return the ops with weights that are unpacked beforehand as constants."""
    known = {i for view in seen if unpacks(view) for i in view.op.outputs}
    return [
        replace(
            view,
            inputs=tuple(
                replace(tensor, constant=tensor.constant or i in known)
                for i, tensor in zip(view.op.inputs, view.inputs, strict=True)
            ),
        )
        for view in seen
    ]
