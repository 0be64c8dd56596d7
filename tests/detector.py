"""A detector whose boxes' order differs by a hair between kernels, and what comes before the order."""

from __future__ import annotations

import numpy as np
from flatbuffers import flexbuffers

from tests.ops import Op, Tensor, build

WIDTH = 64


def detector(boxes: int = 10, *, tied: bool = True, broken: bool = False) -> bytes:
    """(1, 64) -> TFLite_Detection_PostProcess: boxes, classes, scores and count.

    `tied`: all scores are sums of the same numbers in another order, equal but for their rounding, in which
    kernels differ; else they are well apart. `broken`: the boxes are elsewhere.
    """
    rng = np.random.default_rng(0)
    terms = rng.uniform(0.01, 1, WIDTH).astype(np.float32)
    shuffled = np.stack([rng.permutation(terms / terms.sum() / 2) for _ in range(boxes)])
    if not tied:
        shuffled *= np.linspace(0.2, 1.8, boxes)[:, None]
    where = rng.normal(0, 1, (boxes * 4, WIDTH)) / 8
    along = np.linspace(0, 1, boxes)
    anchors = np.stack(
        [along, along if broken else along[::-1], np.full(boxes, 0.1), np.full(boxes, 0.1)], axis=1
    )
    tensors = {
        "input": Tensor("float32", [1, WIDTH]),
        "zero": Tensor("float32", [1], 0.0),
        "one": Tensor("float32", [1], 1.0),
        "nothing": Tensor("float32", [1, WIDTH]),
        "ones": Tensor("float32", [1, WIDTH]),
        "terms": Tensor("float32", [boxes, WIDTH], shuffled),
        "sums": Tensor("float32", [1, boxes]),
        "as rows": Tensor("int32", [3], [1, boxes, 1]),
        "objects": Tensor("float32", [1, boxes, 1]),
        "background": Tensor("float32", [1, boxes, 1], 0.0),
        "all scores": Tensor("float32", [1, boxes, 2]),
        "where": Tensor("float32", [boxes * 4, WIDTH], where),
        "places": Tensor("float32", [1, boxes * 4]),
        "as boxes": Tensor("int32", [3], [1, boxes, 4]),
        "encoded": Tensor("float32", [1, boxes, 4]),
        "anchors": Tensor("float32", [boxes, 4], anchors),
        "boxes": Tensor("float32", [1, 10, 4]),
        "classes": Tensor("float32", [1, 10]),
        "scores": Tensor("float32", [1, 10]),
        "count": Tensor("float32", [1]),
    }
    found = ["boxes", "classes", "scores", "count"]
    ops = [
        Op("MUL", ["input", "zero"], ["nothing"], {}),
        Op("ADD", ["nothing", "one"], ["ones"], {}),
        Op("FULLY_CONNECTED", ["ones", "terms", ""], ["sums"], {}),
        Op("RESHAPE", ["sums", "as rows"], ["objects"], {}),
        Op("CONCATENATION", ["background", "objects"], ["all scores"], {"axis": 2}),
        Op("FULLY_CONNECTED", ["input", "where", ""], ["places"], {}),
        Op("RESHAPE", ["places", "as boxes"], ["encoded"], {}),
        Op("TFLite_Detection_PostProcess", ["encoded", "all scores", "anchors"], found, custom=_settings()),
    ]
    return build(tensors, ops, ["input"], found)


def _settings() -> bytes:
    """The op's own: ten detections of one class, hardly any suppression."""
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, count in (("max_detections", 10), ("max_classes_per_detection", 1), ("num_classes", 1)):
            builder.Int(key, count)
        builder.Bool("use_regular_nms", False)
        for key, number in (("nms_score_threshold", 0.0), ("nms_iou_threshold", 0.99)):
            builder.Float(key, number)
        for key, scale in (("y_scale", 10.0), ("x_scale", 10.0), ("h_scale", 5.0), ("w_scale", 5.0)):
            builder.Float(key, scale)
    return bytes(builder.Finish())
