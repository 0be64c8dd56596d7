"""The conditions that XNNPACK's delegate puts on single ops.

A check returns the reason why its condition is not met, else None.

Source of every condition: the Visit…Node and Check… functions of xnnpack_delegate.cc in
google-ai-edge/LiteRT (tflite/delegates/xnnpack), and the delegate's README there. What differs between
versions is a field of `Build`.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.accelerators.ops import EIGHT_BIT, OpView, same_quantization, scale
from harness.accelerators.xnnpack.builds import Build

MOST_DIMENSIONS = 6  # XNN_MAX_TENSOR_DIMS


Check = Callable[[OpView, Build], str | None]


def activation(view: OpView, build: Build) -> str | None:
    """Check that the fused activation is one that XNNPACK can clamp to."""
    fused = view.fused_activation
    if fused in {"NONE", "RELU", "RELU_N1_TO_1", "RELU6"}:
        return None
    return f"the fused activation {fused} is not supported"


def pool(view: OpView, build: Build) -> str | None:
    """Check that the stride does not exceed the filter."""
    options = view.op.options
    filters = options.get("FilterHeight", 0), options.get("FilterWidth", 0)
    strides = options.get("StrideH", 0), options.get("StrideW", 0)
    if any(stride > size for stride, size in zip(strides, filters, strict=True)):
        return "a pooling stride that exceeds the filter is not supported"
    return None


def static(*places: int) -> Check:
    """Return a check that the inputs at these positions are constant."""

    def check(view: OpView, build: Build) -> str | None:
        late = next((p for p in places if p < len(view.inputs) and not view.inputs[p].constant), None)
        return None if late is None else f"input {late} is computed; it has to be a constant"

    return check


def rank(*allowed: int) -> Check:
    """Return a check that the first input has one of these numbers of dimensions."""

    def check(view: OpView, build: Build) -> str | None:
        found = len(view.inputs[0].shape)
        if found in allowed:
            return None
        return f"{found}-D input; {' or '.join(map(str, allowed))}-D is supported"

    return check


def dimensions(view: OpView, build: Build) -> str | None:
    """Check that tensors have at most 6 dimensions."""
    most = max((len(t.shape) for t in view.activations), default=0)
    return None if most <= MOST_DIMENSIONS else f"{most} dimensions; at most {MOST_DIMENSIONS} are supported"


def ratio(least: float, below: float) -> Check:
    """Return a check that quantized input scales, relative to the output's, are in [least, below)."""

    def check(view: OpView, build: Build) -> str | None:
        output = scale(view.outputs[0])
        for tensor in view.inputs[:2]:
            mine = scale(tensor)
            if tensor.dtype in EIGHT_BIT and mine and output and not least <= mine / output < below:
                return (
                    f"the ratio of input scale to output scale is {mine / output:.3g};"
                    f" {least:.3g} to {below:g} is supported"
                )
        return None

    return check


def product_ratio(view: OpView, build: Build) -> str | None:
    """Check that the product of quantized input scales, relative to the output's, is in range."""
    scales = [scale(tensor) for tensor in (*view.inputs[:2], view.outputs[0])]
    if view.outputs[0].dtype not in EIGHT_BIT or len(scales) < 3 or not all(scales):
        return None
    first, second, output = (value or 0.0 for value in scales)
    value = first * second / output
    if 2**-16 <= value < 256:
        return None
    return (
        f"the ratio of the inputs' scales' product to the output's is {value:.3g}; 2^-16 to 256 is supported"
    )


def concatenation(view: OpView, build: Build) -> str | None:
    """Check that there are not too many inputs, and that uint8 ones are quantized like the output."""
    count = len(view.inputs)
    if not 2 <= count <= build.most_concatenated:
        return f"{count} inputs; 2 to {build.most_concatenated} are supported"
    if view.outputs[0].dtype == "uint8" and not all(
        same_quantization(tensor, view.outputs[0]) for tensor in view.inputs
    ):
        return "uint8 inputs whose quantization differs from the output's are not supported"
    return None


def splits(view: OpView, build: Build) -> str | None:
    """Check that a split has 2 to 4 outputs."""
    count = len(view.outputs)
    return None if 2 <= count <= 4 else f"{count} outputs; 2 to 4 are supported"


def reduction(view: OpView, build: Build) -> str | None:
    """Check that an older build reduces a 4-D input over height and width."""
    if build.any_reduction:
        return None
    if len(view.inputs[0].shape) != 4:
        return f"{len(view.inputs[0].shape)}-D input; 4-D is supported"
    over = view.values(1)
    if over is None or set(over) not in ({1, 2}, {2}):
        return f"reduction over {list(over or ())}; [1, 2] and [2] are supported"
    return None


def slope(view: OpView, build: Build) -> str | None:
    """Check that an older build gets one slope per channel."""
    shape = view.inputs[1].shape if len(view.inputs) > 1 else ()
    if build.any_slope or all(size == 1 for size in shape[:-1]):
        return None
    return "a slope with other dimensions than the channels is not supported"


def beta(view: OpView, build: Build) -> str | None:
    """Check that the beta of a softmax is 1."""
    value = view.op.options.get("Beta", 0.0)
    return None if value == 1 else f"beta is {value:g}; only 1 is supported"


def block(view: OpView, build: Build) -> str | None:
    """Check that the block size is above 1."""
    size = view.op.options.get("BlockSize", 0)
    return None if size > 1 else f"a block size of {size} is not supported"


def slice_sizes(view: OpView, build: Build) -> str | None:
    """Check that a newer build gets sizes that say where the slice ends."""
    sizes = view.values(2) or ()
    if build.open_slices or all(size > 0 for size in sizes):
        return None
    return "a size of -1 (up to the end) is not supported"


def strided_slice(view: OpView, build: Build) -> str | None:
    """Check that the slice is a plain one with strides of 1."""
    options = view.op.options
    masks = ("EllipsisMask", "NewAxisMask", "ShrinkAxisMask")
    if any(options.get(mask) for mask in masks):
        return "an ellipsis, a new or a dropped axis in the slice is not supported"
    if any(stride != 1 for stride in view.values(3) or ()):
        return "only strides of 1 are supported"
    ends, shape = view.values(2) or (), view.inputs[0].shape
    if len(ends) != len(shape):
        return "a slice over fewer dimensions than the input has is not supported"
    masked = int(options.get("EndMask", 0))
    if any(end > size and not masked >> i & 1 for i, (end, size) in enumerate(zip(ends, shape, strict=True))):
        return "a slice that ends beyond the input is not supported"
    return None


def reshape(view: OpView, build: Build) -> str | None:
    """Check that quantized input and output have the same quantization."""
    if view.outputs[0].dtype in EIGHT_BIT and not same_quantization(view.inputs[0], view.outputs[0]):
        return "the quantization differs between input and output"
    return None


def leaky_relu(view: OpView, build: Build) -> str | None:
    """Check that the slope is not 0, and that quantized scales are in range."""
    alpha = float(view.op.options.get("Alpha", 0.0))
    if alpha == 0:
        return "a slope of 0 is not supported"
    mine, output = scale(view.inputs[0]), scale(view.outputs[0])
    if view.outputs[0].dtype not in EIGHT_BIT or not mine or not output:
        return None
    positive, negative = mine / output, mine / output * alpha
    if not 1 / 256 <= positive <= 128 or not (-127.99609375 <= negative <= 128 and abs(negative) >= 1 / 256):
        return "the ratio of input scale to output scale is out of the supported range"
    return None


def quantize(view: OpView, build: Build) -> str | None:
    """Check that requantizing keeps the type, with scales in range."""
    source, target = view.inputs[0], view.outputs[0]
    if source.dtype == target.dtype:
        return ratio(1 / 256, 128.0000001)(view, build)
    if source.dtype in EIGHT_BIT:
        return "XNNPACK does not convert between int8 and uint8"
    return None


def weights_format(view: OpView, build: Build) -> str | None:
    """Check that the weights are dense and in the default format."""
    if view.op.version == 8:
        return "sparse weights (version 8) are not supported"
    return "only the default weights format is supported" if view.op.options.get("WeightsFormat") else None


def second_factor(view: OpView, build: Build) -> str | None:
    """Check that an 8-bit second factor has one scale and the zero point 0."""
    quantization = view.inputs[1].quantization if len(view.inputs) > 1 else None
    if view.outputs[0].dtype not in EIGHT_BIT or quantization is None:
        return None
    if quantization.axis is not None:
        return "a second input with one scale per column is not supported"
    return (
        "a second input whose zero point is not 0 is not supported" if quantization.zero_points[0] else None
    )


def untransposable(view: OpView) -> bool:
    """Return True for an input of a type that XNNPACK has no TRANSPOSE for."""
    tensor = view.inputs[0]
    per_channel = tensor.quantization is not None and tensor.quantization.axis is not None
    return tensor.dtype not in {"float32", *EIGHT_BIT} or per_channel


def paddings(view: OpView, build: Build) -> str | None:
    """Check that the paddings are int32."""
    kind = view.inputs[1].dtype if len(view.inputs) > 1 else "int32"
    return None if kind == "int32" else f"paddings of {kind}; int32 is supported"


def bias(view: OpView, build: Build) -> str | None:
    """Check that a convolution has a bias."""
    return None if len(view.inputs) > 2 else "a bias is mandatory"


def weights_axis(expected: int) -> Check:
    """Return a check that per-axis weights are quantized along `expected`."""

    def check(view: OpView, build: Build) -> str | None:
        quantization = view.inputs[1].quantization if len(view.inputs) > 1 else None
        if quantization is None or quantization.axis in {None, expected}:
            return None
        return f"weights quantized along axis {quantization.axis}; {expected} is supported"

    return check
