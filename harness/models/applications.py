"""The keras.applications architectures that qbench knows by name. Needs no TensorFlow."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Application:
    """An architecture: its class in keras.applications, input side in pixels, range of its inputs."""

    class_name: str
    side: int
    low: float
    high: float


# What each model's preprocess_input returns: "tf" scales to [-1, 1], "torch" normalizes with ImageNet's
# mean and deviation, "caffe" subtracts ImageNet's mean, "none" leaves 0 to 255 to layers inside the model.
_RANGES = {"tf": (-1.0, 1.0), "torch": (-2.118, 2.64), "caffe": (-123.68, 151.061), "none": (0.0, 255.0)}

_TABLE = """
    mobilenet MobileNet 224 tf
    mobilenet_v2 MobileNetV2 224 tf
    mobilenet_v3_small MobileNetV3Small 224 none
    mobilenet_v3_large MobileNetV3Large 224 none
    efficientnet_b0 EfficientNetB0 224 none
    efficientnet_b1 EfficientNetB1 240 none
    efficientnet_b2 EfficientNetB2 260 none
    efficientnet_b3 EfficientNetB3 300 none
    efficientnet_b4 EfficientNetB4 380 none
    efficientnet_b5 EfficientNetB5 456 none
    efficientnet_b6 EfficientNetB6 528 none
    efficientnet_b7 EfficientNetB7 600 none
    efficientnet_v2_b0 EfficientNetV2B0 224 none
    efficientnet_v2_b1 EfficientNetV2B1 240 none
    efficientnet_v2_b2 EfficientNetV2B2 260 none
    efficientnet_v2_b3 EfficientNetV2B3 300 none
    efficientnet_v2_s EfficientNetV2S 384 none
    efficientnet_v2_m EfficientNetV2M 480 none
    efficientnet_v2_l EfficientNetV2L 480 none
    resnet50 ResNet50 224 caffe
    resnet101 ResNet101 224 caffe
    resnet152 ResNet152 224 caffe
    resnet50_v2 ResNet50V2 224 tf
    resnet101_v2 ResNet101V2 224 tf
    resnet152_v2 ResNet152V2 224 tf
    inception_v3 InceptionV3 299 tf
    inception_resnet_v2 InceptionResNetV2 299 tf
    xception Xception 299 tf
    densenet121 DenseNet121 224 torch
    densenet169 DenseNet169 224 torch
    densenet201 DenseNet201 224 torch
    nasnet_mobile NASNetMobile 224 tf
    nasnet_large NASNetLarge 331 tf
    vgg16 VGG16 224 caffe
    vgg19 VGG19 224 caffe
    convnext_tiny ConvNeXtTiny 224 none
    convnext_small ConvNeXtSmall 224 none
    convnext_base ConvNeXtBase 224 none
    convnext_large ConvNeXtLarge 224 none
    convnext_xlarge ConvNeXtXLarge 224 none
"""


def _read(table: str) -> dict[str, Application]:
    rows = (line.split() for line in table.strip().splitlines())
    return {name: Application(cls, int(side), *_RANGES[how]) for name, cls, side, how in rows}


APPLICATIONS = _read(_TABLE)
_SQUASHED = {name.replace("_", ""): name for name in APPLICATIONS}


def application_name(text: str) -> str | None:
    """Return the known name for a text ("MobileNetV2", "mobilenet-v2" -> mobilenet_v2), or None."""
    return _SQUASHED.get(re.sub(r"[-_]", "", text.lower()))
