"""Real values of quantized ones, by the specification alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.record import Quantization


def dequantize(values: npt.ArrayLike, quantization: Quantization) -> npt.NDArray[np.float32]:
    """Real values, same shape as `values`: real = (q - zero_point) * scale, per tensor or per axis.

    Source: TensorFlow Lite 8-bit quantization specification, "Specification summary"; computed in
    double precision and rounded once, as TFLite's reference kernel does. Raises ValueError if the
    number of scales does not fit the axis.
    """
    array = np.asarray(values)
    scales = np.asarray(quantization.scales, np.float64)
    zero_points = np.asarray(quantization.zero_points, np.float64)
    if quantization.axis is not None:
        shape = [1] * array.ndim
        shape[quantization.axis] = -1
        scales, zero_points = scales.reshape(shape), zero_points.reshape(shape)
        if scales.shape[quantization.axis] != array.shape[quantization.axis]:
            raise ValueError(f"{scales.size} scales for shape {array.shape} along axis {quantization.axis}")
    return ((array.astype(np.float64) - zero_points) * scales).astype(np.float32)
