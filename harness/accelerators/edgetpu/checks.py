"""The conditions that edgetpu.toml puts on ops, by name.

A check returns None if the condition is met, else a verdict with the reason: not delegated, uncertain, or
likely delegated all the same. Its arguments are the numbers of issues behind its name in edgetpu.toml.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.accelerators.edgetpu.resize import CORAL, bilinear_resize, nearest_resize, tiled_pixel
from harness.accelerators.ops import OpView, axes
from harness.accelerators.prediction import OpVerdict, Verdict
from harness.tflite.work import elements

_ISSUES = "github.com/google-coral/edgetpu/issues/"

Check = Callable[..., OpVerdict | None]

_SHORT_SOFTMAX = 16_384  # elements; coral says 16,000, but this many were mapped 8 of 8 times
_SMALL_MEAN = 64 * 128  # pixels: 256x128 was not mapped, its quarters were (issue 461)
_MODEST = 262_144  # elements into a pool or split: 512x512x16 was not mapped (issue 686); a cautious guess
_SMALL_LSTM = 900  # features: fewer compile, more than 1000 do not (issue 598)
_SMALL_RESHAPE = 65_536  # elements: coral says "some large ones" without a number; a cautious guess


def _left(reason: str, remedy: str | None = None, source: str = CORAL) -> OpVerdict:
    return OpVerdict(Verdict.NOT_DELEGATED, reason, source, remedy)


def _perhaps(reason: str, source: str = CORAL) -> OpVerdict:
    return OpVerdict(Verdict.UNCERTAIN, reason, source)


def _issues(numbers: Sequence[str]) -> str:
    return _ISSUES + ", ".join(numbers)


def no_activation(view: OpView) -> OpVerdict | None:
    """Check that no activation is fused into the op."""
    if view.fused_activation == "NONE":
        return None
    return _left(
        f"a fused activation ({view.fused_activation}) is not supported",
        "make the activation an op of its own",
    )


def zero_padding(view: OpView) -> OpVerdict | None:
    """Check that a constant operand is all zeros, which stands for padding."""
    constants = [tensor for tensor in view.inputs if tensor.constant]
    if not constants:
        return None
    if len(view.inputs) != 2:
        return _left("a constant among more or fewer than two inputs", "pad instead")
    return _perhaps("a constant input is supported only if it is all zeros")


def along_channels(view: OpView) -> OpVerdict | None:
    """Check that the inputs are joined along the channels: only that is known to be mapped."""
    rank = max(1, len(view.outputs[0].shape))
    if int(view.op.options.get("Axis", 0)) % rank == rank - 1:
        return None
    reason = "joined along another dimension than the channels, which was seen mapped and seen not mapped"
    return _perhaps(reason, "compiler logs of YOLOv5 and of a RetinaNet")


def constant_weights(view: OpView) -> OpVerdict | None:
    """Check that weights and biases are constant."""
    transposed = view.name == "TRANSPOSE_CONV"
    parameters = (*view.inputs[1:2], *view.inputs[3:]) if transposed else view.inputs[1:]
    if not parameters or not all(tensor.constant for tensor in parameters):
        return _left("its weights are computed; parameters have to be constant")
    if transposed and not view.inputs[0].constant:
        return _perhaps("its output's size is computed")
    return None


def even_dilation(view: OpView) -> OpVerdict | None:
    """Check that the dilation is the same along every axis where the kernel is larger than 1."""
    options, kernel = view.op.options, view.inputs[1].shape
    factors = (options.get("DilationHFactor", 1), options.get("DilationWFactor", 1))
    sides = kernel[1:3] if len(kernel) == 4 else (0, 0)
    if len({factor for factor, side in zip(factors, sides, strict=True) if side != 1}) <= 1:
        return None
    return _left("the dilation differs between height and width", "use the same dilation both ways")


def default_format(view: OpView) -> OpVerdict | None:
    """Check that the weights are in the default format."""
    return (
        _left("only the default weights format is supported")
        if view.op.options.get("WeightsFormat")
        else None
    )


def flat_output(view: OpView) -> OpVerdict | None:
    """Check that the output is one-dimensional."""
    shape = view.outputs[0].shape
    if elements(view.outputs[0]) == (shape[-1] if shape else 1):
        return None
    remedy = "flatten before Dense" if view.name == "FULLY_CONNECTED" else "flatten first"
    return _left(f"the output {list(shape)} is not one-dimensional", remedy)


def keeps_no_dimensions(view: OpView) -> OpVerdict | None:
    """Check that the op's version is at most 4: a compiler rejected newer ones."""
    if view.op.version <= 4:
        return None
    return _perhaps(
        f"version {view.op.version} was refused by compiler 14.1", "issues of google-coral/edgetpu"
    )


def batch_kept(view: OpView) -> OpVerdict | None:
    """Check that the axes are constant and do not include the batch."""
    over = axes(view)
    if over is None:
        return _left("the axes are computed; they have to be constant")
    if 0 in over and len(view.inputs[0].shape) > 3:
        return _left("it reduces over the batch", "keep the batch dimension")
    return _perhaps("it reduces over the first of few dimensions") if 0 in over else None


def depth_by_four(view: OpView) -> OpVerdict | None:
    """Check that a mean over the channels has a number of channels that is a multiple of 4."""
    shape, over = view.inputs[0].shape, axes(view) or ()
    if shape and len(shape) - 1 in over and shape[-1] % 4:
        return _left(f"a mean over {shape[-1]} channels, which is not a multiple of 4", "pad the channels")
    return None


def small_mean(view: OpView, *issues: str) -> OpVerdict | None:
    """Check that a mean is over a small area; over a large one it may stay on the CPU."""
    shape = view.inputs[0].shape
    pixels = shape[1] * shape[2] if len(shape) == 4 else 0
    if 0 < pixels <= _SMALL_MEAN:
        return None
    return _perhaps("a mean over an area so large may stay on the CPU", _issues(issues))


def not_along_batch(view: OpView) -> OpVerdict | None:
    """Check that the axis is constant and not the batch."""
    data = view.inputs[-1] if view.inputs else view.outputs[0]
    if view.name == "SPLIT":
        values = view.values(0)
        axis = None if values is None else values[0] % max(1, len(data.shape))
    else:
        axis = int(view.op.options.get("Axis", 0)) % len(view.outputs[0].shape or (1,))
    if axis is None:
        return _left("the axis is computed; it has to be constant")
    if axis == 0 and len(data.shape) > 3:
        return _left("it works along the batch dimension")
    return _perhaps("it works along the first of few dimensions, perhaps the batch") if axis == 0 else None


def batch_not_padded(view: OpView) -> OpVerdict | None:
    """Check that the paddings are constant and leave the batch unchanged."""
    paddings = view.values(1)
    if paddings is None:
        return _left("the paddings are computed; they have to be constant")
    if len(view.inputs[0].shape) > 3 and any(paddings[:2]):
        return _left("it pads the batch dimension")
    return None


def slope_per_channel(view: OpView) -> OpVerdict | None:
    """Check that the slope is one number per channel."""
    shape = view.inputs[1].shape if len(view.inputs) > 1 else ()
    if all(size == 1 for size in shape[:-1]):
        return None
    return _left("the slope is not one per channel", "build PReLU with shared_axes=[1, 2]")


def small_reshape(view: OpView) -> OpVerdict | None:
    """Check that a reshape is small; large ones may stay on the CPU."""
    if elements(view.outputs[0]) <= _SMALL_RESHAPE:
        return None
    return _perhaps("some large reshapes stay on the CPU; the limit is not documented")


def modest_pool(view: OpView, *issues: str) -> OpVerdict | None:
    """Check that a pool has a small input; with a large one it may stay on the CPU."""
    if elements(view.inputs[0]) <= _MODEST:
        return None
    return _perhaps("a pool over an input so large may stay on the CPU", _issues(issues))


def modest_split(view: OpView, *issues: str) -> OpVerdict | None:
    """Check that a split is along the channels of a small input. Runs after `not_along_batch`."""
    data, rank = view.inputs[-1], max(1, len(view.inputs[-1].shape))
    if (view.values(0) or (0,))[0] % rank != rank - 1:
        return _perhaps("a split along another dimension than the channels may fail", _issues(issues))
    if elements(data) > _MODEST:
        return _perhaps("a split of an input so large may fail", _issues(issues))
    return None


def not_behind_pad(view: OpView, *issues: str) -> OpVerdict | None:
    """Check whether the op is directly behind a PAD: such ops are mapped in some models and not in others."""
    if "PAD" not in view.made_by:
        return None
    reason = "directly behind a PAD: supported, and seen mapped in one model, but left on the CPU in another"
    return OpVerdict(Verdict.DELEGATED, reason, f"{CORAL}; {_issues(issues)}", likely=True)


def small_lstm(view: OpView, *issues: str) -> OpVerdict | None:
    """Check that an LSTM is small: its weights see the features and its own output together."""
    sizes = [tensor.shape[-1] if tensor.shape else 0 for tensor in (view.inputs[0], view.outputs[0])]
    if sum(sizes) < _SMALL_LSTM:
        return None
    reason = f"{sizes[0]} features and {sizes[1]} units; with about {_SMALL_LSTM} and more compiling may fail"
    return _perhaps(reason, _issues(issues))


def short_softmax(view: OpView) -> OpVerdict | None:
    """Check that a softmax is short: a long one was never seen mapped."""
    if elements(view.outputs[0]) <= _SHORT_SOFTMAX:
        return None
    return _perhaps(
        f"{elements(view.outputs[0])} elements; more than {_SHORT_SOFTMAX} were never seen mapped"
    )


def unit_strides(view: OpView) -> OpVerdict | None:
    """Check that the strides are 1."""
    strides = view.values(3)
    if strides is not None and all(stride == 1 for stride in strides):
        return None
    return _left("only strides of 1 are supported", "slice with strides of 1")


def plain_slice(view: OpView) -> OpVerdict | None:
    """Check that the slice has neither an ellipsis nor a new axis."""
    if view.op.options.get("EllipsisMask") or view.op.options.get("NewAxisMask"):
        return _left("an ellipsis or a new axis in the slice is not supported")
    return None


def sometimes_left(view: OpView, *issues: str) -> OpVerdict | None:
    """Return uncertain for every op of this kind: some stay on the CPU for an unknown reason."""
    reason = "supported, but some stay on the CPU for a reason that the compiler does not give"
    return _perhaps(reason, _issues(issues))


CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        no_activation, zero_padding, along_channels, constant_weights, even_dilation, default_format,
        flat_output, keeps_no_dimensions, batch_kept, depth_by_four, small_mean, not_along_batch,
        batch_not_padded, slope_per_channel, small_reshape, bilinear_resize, nearest_resize,
        modest_pool, modest_split, not_behind_pad, small_lstm, short_softmax, unit_strides,
        plain_slice, tiled_pixel, sometimes_left,
    )
}  # fmt: skip
