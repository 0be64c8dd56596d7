"""Nets as people measure them, small and made here: a ResNet, an autoencoder, what a compiler leaves of one.

Weights are random, so that outputs mean nothing; shapes, ops and scales are those of real files.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers

from tests.models import dense_model
from tests.ops import Op, Tensor, build, one

COMPILED = "edgetpu-custom-op"
CACHED_BYTES, STREAMED_BYTES = 4096, 512
WIDTHS = (640, 128, 128, 8, 128, 640)
X = Tensor("float32", [1, 64])


def write_all(folder: Path) -> Path:
    """All of them, by the names that tests use."""
    image = Tensor("int8", [1, 32, 32, 3], scales=(0.05,))
    scores = Tensor("int8", [1, 10], scales=(1 / 256,), zero=-128)
    files = {
        "resnet": resnet("float32"),
        "resnet_int8": resnet("int8"),
        "resnet_int8_edgetpu": compiled(image, scores),
        "partly_int8_edgetpu": compiled(image, scores, left=["LOGISTIC", "RELU"]),
        "autoencoder": autoencoder("float32"),
        "autoencoder_int8": autoencoder("int8"),
        "dynamic": one("FULLY_CONNECTED", [X, Tensor("int8", [8, 64], 3)], [Tensor("float32", [1, 8])], {}),
        "partly": chain("RELU", "RELU6", "TANH", "LOG_SOFTMAX", "RELU6"),
        "custom": one("fake-op-double", [X], [X]),
        "slow": convolution(size=128, channels=64),
        "dense": dense_model(seed=1),
    }
    for name, data in files.items():
        (folder / f"{name}.tflite").write_bytes(data)
    return folder


def resnet(dtype: str) -> bytes:
    """ResNet-8 on 32x32x3 for ten classes: 9 CONV_2D, 3 ADD and 4 more."""
    net = _Net(dtype)
    x = net.conv(net.image, 16, size=3)
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        y = net.conv(net.conv(x, filters, size=3, stride=stride), filters, size=3, relu=0)
        x = x if stride == 1 else net.conv(x, filters, size=1, stride=stride, relu=0)
        x = net.op("ADD", [x, y], net.shape(y), {"fusedActivationFunction": 1})
    window = {"strideW": 8, "strideH": 8, "filterWidth": 8, "filterHeight": 8, "padding": 1}
    x = net.op("AVERAGE_POOL_2D", [x], [1, 1, 1, 64], window)
    net.tensors["rows"] = Tensor("int32", [2], [1, 64])
    x = net.op("RESHAPE", [x, "rows"], [1, 64], {"newShape": [1, 64]})
    x = net.op("FULLY_CONNECTED", [x, net.weights([10, 64]), net.bias(10)], [1, 10], {})
    net.tensors["scores"] = Tensor(dtype, [1, 10], None, *((), ((1 / 256,), 0, None, -128))[dtype == "int8"])
    net.ops.append(Op("SOFTMAX", [x], ["scores"], {"beta": 1.0}))
    return build(net.tensors, net.ops, [net.image], ["scores"])


class _Net:
    """Tensors and ops in the making; every activation has the same scale."""

    def __init__(self, dtype: str) -> None:
        self._dtype, self._chance = dtype, np.random.default_rng(0)
        self.image, self.ops = "image", list[Op]()
        self.tensors = {self.image: self._activation([1, 32, 32, 3])}

    def _activation(self, shape: list[int]) -> Tensor:
        return Tensor(self._dtype, shape, scales=(0.05,) if self._dtype == "int8" else None)

    def shape(self, name: str) -> list[int]:
        return self.tensors[name].shape

    def conv(self, x: str, filters: int, *, size: int, stride: int = 1, relu: int = 1) -> str:
        batch, height, width, channels = self.shape(x)
        options = {
            "strideW": stride, "strideH": stride, "dilationWFactor": 1, "dilationHFactor": 1,
            "fusedActivationFunction": relu,
        }  # fmt: skip
        weights = self.weights([filters, size, size, channels])
        shape = [batch, height // stride, width // stride, filters]
        return self.op("CONV_2D", [x, weights, self.bias(filters)], shape, options)

    def weights(self, shape: list[int]) -> str:
        values = self._chance.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        scale = float(abs(values).max() / 127)
        if self._dtype == "int8":
            return self._add(Tensor("int8", shape, np.rint(values / scale), (scale,)))
        return self._add(Tensor("float32", shape, values))

    def bias(self, count: int) -> str:
        """Add a bias of zeros for the weights that were added last."""
        if self._dtype == "float32":
            return self._add(Tensor("float32", [count], 0))
        scales = list(self.tensors.values())[-1].scales
        assert scales is not None
        return self._add(Tensor("int32", [count], 0, (0.05 * scales[0],)))

    def op(self, name: str, inputs: list[str], shape: list[int], options: dict[str, Any]) -> str:
        made = self._add(self._activation(shape))
        self.ops.append(Op(name, inputs, [made], options))
        return made

    def _add(self, tensor: Tensor) -> str:
        name = f"t{len(self.tensors)}"
        self.tensors[name] = tensor
        return name


def autoencoder(dtype: str) -> bytes:
    """Five dense layers on 640 numbers; in int8 it gives the same but for rounding."""
    chance = np.random.default_rng(0)
    values = chance.normal(0, 1, (500, WIDTHS[0]))
    tensors, ops = {"x0": _scaled(dtype, [1, WIDTHS[0]], values)}, []
    for layer, (before, after) in enumerate(itertools.pairwise(WIDTHS)):
        weights, relu = chance.normal(0, (2 / before) ** 0.5, (after, before)), layer < len(WIDTHS) - 2
        values = np.maximum(values @ weights.T, 0) if relu else values @ weights.T
        scaled = _scaled(dtype, [after, before], weights)
        if dtype == "int8":
            scaled = Tensor(dtype, scaled.shape, np.rint(weights / scaled.scales[0]), scaled.scales)
        else:
            scaled = Tensor(dtype, scaled.shape, weights)
        tensors |= {f"w{layer}": scaled, f"x{layer + 1}": _scaled(dtype, [1, after], values)}
        options = {"fusedActivationFunction": int(relu)}
        ops.append(Op("FULLY_CONNECTED", [f"x{layer}", f"w{layer}", ""], [f"x{layer + 1}"], options))
    return build(tensors, ops, ["x0"], [f"x{len(WIDTHS) - 1}"])


def _scaled(dtype: str, shape: list[int], values: np.ndarray) -> Tensor:
    """A tensor that can hold these values."""
    return Tensor(dtype, shape, scales=(float(abs(values).max() / 127),) if dtype == "int8" else None)


def chain(*names: str) -> bytes:
    """Ops of one float input and output, one after the other."""
    tensors = {f"t{number}": X for number in range(len(names) + 1)}
    ops = [Op(name, [f"t{number}"], [f"t{number + 1}"]) for number, name in enumerate(names)]
    return build(tensors, ops, ["t0"], [f"t{len(names)}"])


def convolution(size: int, channels: int) -> bytes:
    """Two convolutions of an image, which take a while."""
    image = Tensor("float32", [1, size, size, channels])
    net = _Net("float32")
    net.tensors = {net.image: image}
    made = net.conv(net.conv(net.image, channels, size=3), channels, size=3)
    return build(net.tensors, net.ops, [net.image], [made])


def compiled(before: Tensor, after: Tensor, left: list[str] | None = None) -> bytes:
    """What edgetpu_compiler would make: one op for the Edge TPU, then those that it left on the CPU."""
    left = left or []
    names = ["input", *(f"t{number}" for number in range(len(left))), "output"]
    ops = [Op(COMPILED, [names[0]], [names[1]], custom=package())]
    ops += [Op(name, [names[i + 1]], [names[i + 2]]) for i, name in enumerate(left)]
    return build({names[0]: before, **dict.fromkeys(names[1:], after)}, ops, ["input"], ["output"])


def package() -> bytes:
    """Options of a compiled op, as executable.fbs of libedgetpu describes them; nothing could run it."""
    parts = [_executable(1, CACHED_BYTES), _executable(2, STREAMED_BYTES)]
    inner = flatbuffers.Builder(1024)
    made = [inner.CreateByteVector(part) for part in parts]
    inner.StartVector(4, len(made), 4)
    for part in reversed(made):
        inner.PrependUOffsetTRelative(part)
    vector = inner.EndVector()
    inner.StartObject(1)
    inner.PrependUOffsetTRelativeSlot(0, vector, 0)
    inner.Finish(inner.EndObject())
    outer = flatbuffers.Builder(1024)
    executables, compiler = outer.CreateByteVector(bytes(inner.Output())), outer.CreateString("16.0")
    outer.StartObject(5)
    outer.PrependInt32Slot(0, 12, 0)  # the oldest runtime of the Edge TPU that it is for
    outer.PrependUOffsetTRelativeSlot(1, executables, 0)
    outer.PrependUOffsetTRelativeSlot(4, compiler, 0)
    outer.Finish(outer.EndObject(), b"DWN1")
    options = flexbuffers.Builder()
    with options.Map():
        options.Key("4")
        options.Blob(bytes(outer.Output()))
    return bytes(options.Finish())


def _executable(kind: int, parameter_bytes: int) -> bytes:
    builder = flatbuffers.Builder(1024)
    parameters, chip = builder.CreateByteVector(bytes(parameter_bytes)), builder.CreateString("beagle")
    builder.StartObject(14)
    builder.PrependUOffsetTRelativeSlot(6, parameters, 0)
    builder.PrependUOffsetTRelativeSlot(10, chip, 0)
    builder.PrependInt16Slot(13, kind, 0)  # 1: PARAMETER_CACHING, 2: EXECUTION_ONLY
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())
