"""`qbench run`, `inspect` and `compat` on the same file name the same ops with the same reasons."""

from __future__ import annotations

import json
from collections import Counter

from tests.ops import Op, Tensor, build

IMAGE = [1, 4, 4, 2]


def reluctant() -> bytes:
    """An int8 chain in which XNNPACK leaves an ADD for its scales, a SPLIT for its outputs, a SOFTMAX."""
    apart = Tensor("int8", [1, 60], None, (300.0,))
    tensors = {
        "x": Tensor("int8", [1, 60]),
        "far": apart,
        "y": Tensor("int8", [1, 60]),
        "axis": Tensor("int32", [], 1),
    }
    parts = [f"part{i}" for i in range(6)]
    tensors |= {name: Tensor("int8", [1, 10]) for name in parts}
    tensors["out"] = Tensor("int8", [1, 10], None, (1 / 256,), zero=-128)
    ops = [
        Op("ADD", ["x", "far"], ["y"], version=2),
        Op("SPLIT", ["axis", "y"], parts, {"numSplits": 6}, version=2),
        Op("SOFTMAX", ["part0"], ["out"], {"beta": 1.0}, version=2),
    ]
    return build(tensors, ops, ["x", "far"], ["out"])


def test_run_inspect_and_compat_agree(qbench, tmp_path):
    (tmp_path / "reluctant.tflite").write_bytes(reluctant())
    asked = ("reluctant.tflite", "--device", "xnnpack", "--json", "-")
    done = qbench("run", "--model", *asked, "--delegate", "xnnpack", "--budget", "0.02")
    (cell,) = json.loads(done.stdout)["cells"]
    seen = Counter({(g["op"], g["reason"]): g["count"] for g in cell["ops"]["not_delegated"]})
    (predicted,) = json.loads(qbench("inspect", *asked).stdout)["predictions"]
    names = [op["op"] for op in json.loads(qbench("inspect", *asked).stdout)["ops"]]
    assert seen == Counter((name, op["reason"]) for name, op in zip(names, predicted["ops"], strict=True))
    (matrix,) = json.loads(qbench("compat", "--model", *asked).stdout)["cells"]
    assert seen == Counter({(found["op"], found["reason"]): found["count"] for found in matrix["in_the_way"]})
    assert matrix["observed"]["matches"] is True
    assert "6 outputs; 2 to 4 are supported (1 SPLIT)" in cell["reason"]
    assert "no reason known" not in cell["reason"]
