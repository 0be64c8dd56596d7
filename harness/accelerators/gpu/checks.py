"""Conditions on ops that LiteRT's GPU accelerator reported, or crashed on, when it was tested op by op."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.accelerators.ops import EIGHT_BIT, OpView
from harness.accelerators.prediction import OpVerdict, Verdict

Check = Callable[[OpView, str], OpVerdict | None]

MOST_DIMENSIONS = 4  # batch, height, width and channels


def dimensions(view: OpView, source: str) -> OpVerdict | None:
    """Check that tensors have at most 4 dimensions."""
    most = max((len(t.shape) for t in (*view.inputs, *view.outputs)), default=0)
    if most <= MOST_DIMENSIONS:
        return None
    return OpVerdict(
        Verdict.NOT_DELEGATED, f"{most} dimensions; at most {MOST_DIMENSIONS} are supported", source
    )


_TWICE = {"ADD", "CONCATENATION", "MUL"}
_NOT_TWICE = {"DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "SUB"}


def read_twice(view: OpView, source: str) -> OpVerdict | None:
    """Check that no computed tensor is two inputs of the op."""
    computed = [i for i, t in zip(view.op.inputs, view.inputs, strict=True) if not t.constant]
    if len(set(computed)) == len(computed) or view.name in _TWICE:
        return None
    if view.name in _NOT_TWICE:
        reason = "No support of few identical inputs in the same operation"
        return OpVerdict(Verdict.NOT_DELEGATED, reason, source)
    return OpVerdict(Verdict.UNCERTAIN, "one tensor as two inputs was seen to end the process", source)


def one_rank(view: OpView, source: str) -> OpVerdict | None:
    """Check that computed 8-bit operands have one rank: shaders for different ranks do not compile."""
    ranks = {len(t.shape) for t in view.inputs[:2] if not t.constant}
    if len(ranks) < 2 or view.outputs[0].dtype not in EIGHT_BIT:
        return None
    return OpVerdict(Verdict.UNCERTAIN, "8-bit operands of different ranks were seen to fail", source)


def flat_indices(view: OpView, source: str) -> OpVerdict | None:
    """Check that the indices are one-dimensional."""
    if len(view.inputs) > 1 and len(view.inputs[1].shape) == 1:
        return None
    return OpVerdict(Verdict.NOT_DELEGATED, "Only support 1D indices", source)


def plain_slice(view: OpView, source: str) -> OpVerdict | None:
    """Check that the slice has no ellipsis and neither adds nor drops an axis."""
    masks = ("EllipsisMask", "NewAxisMask", "ShrinkAxisMask")
    if not any(view.op.options.get(mask) for mask in masks):
        return None
    return OpVerdict(Verdict.NOT_DELEGATED, "an ellipsis, a new or a dropped axis is not supported", source)


def beta(view: OpView, source: str) -> OpVerdict | None:
    """Check that the beta of a softmax is 1."""
    if view.op.options.get("Beta", 0.0) == 1:
        return None
    return OpVerdict(Verdict.NOT_DELEGATED, "Softmax.beta != 1 is not supported", source)


def constant_slope(view: OpView, source: str) -> OpVerdict | None:
    """Check that the slope is constant."""
    if len(view.inputs) > 1 and view.inputs[1].constant:
        return None
    return OpVerdict(Verdict.NOT_DELEGATED, "the slope is computed; it has to be a constant", source)


def constant_half(view: OpView, source: str) -> OpVerdict | None:
    """Check that a float16 input is constant."""
    if view.inputs[0].dtype != "float16" or view.inputs[0].constant:
        return None
    return OpVerdict(Verdict.NOT_DELEGATED, "float16 tensors that are computed are not supported", source)


def no_groups(view: OpView, source: str) -> OpVerdict | None:
    """Check that a convolution is not grouped: such ones were seen to end the process."""
    shapes = [tensor.shape for tensor in view.inputs[:2]]
    if len(shapes) == 2 and all(len(shape) == 4 for shape in shapes) and shapes[0][3] == shapes[1][3]:
        return None
    return OpVerdict(Verdict.UNCERTAIN, "a grouped convolution was seen to end the process", source)


def constant_weights(view: OpView, source: str) -> OpVerdict | None:
    """Check that the weights are constant: computed ones were seen to end the process."""
    if len(view.inputs) > 1 and view.inputs[1].constant:
        return None
    return OpVerdict(Verdict.UNCERTAIN, "computed weights were seen to end the process", source)


def several_parts(view: OpView, source: str) -> OpVerdict | None:
    """Check that a split has several parts: a split into one was seen to end the process."""
    if len(view.outputs) > 1:
        return None
    return OpVerdict(Verdict.UNCERTAIN, "a split into one was seen to end the process", source)


CHECKS: Mapping[str, tuple[Check, ...]] = {
    "STRIDED_SLICE": (plain_slice,),
    "SOFTMAX": (beta,),
    "PRELU": (constant_slope,),
    "DEQUANTIZE": (constant_half,),
    "CONV_2D": (no_groups,),
    "DEPTHWISE_CONV_2D": (constant_weights,),
    "SPLIT": (several_parts,),
    "GATHER": (flat_indices,),
    **dict.fromkeys(("ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "SQUARED_DIFFERENCE", "SUB"), (one_rank,)),
}
