"""Predictions of XNNPACK and of what loads against the real runtimes: one-op models, and real ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from delegates.backends.runtime import installed
from delegates.wire import OpGroup, Ops
from harness.accelerators import Verdict, predict
from harness.tflite import read_model, read_model_file
from tests.ops import Op, Tensor, build, one

ROOT = Path(__file__).resolve().parents[2]
RUNTIMES = [runtime for runtime in installed() if runtime.name in {"tflite-runtime", "ai-edge-litert"}]

# Loads every model it is given and answers, per model, what XNNPACK took, or why it was refused.
SCRIPT = """
import dataclasses, json, sys
sys.path.insert(0, sys.argv[1])
from delegates.backends import graph, runtime
module = runtime.open_runtime(sys.argv[2]).module
answers = []
for path in sys.argv[3:]:
    try:
        found = module.Interpreter(path, num_threads=1,
                                   experimental_op_resolver_type=module.OpResolverType.AUTO)
        found.allocate_tensors()
        answers.append(dataclasses.asdict(graph.read_ops(found)))
    except Exception as error:
        answers.append(str(error))
print(json.dumps(answers))
"""
IMAGE = [1, 4, 4, 2]
X = Tensor("float32", IMAGE)
UNARY = (
    "ABS CEIL COS ELU EXP FLOOR GELU HARD_SWISH LOG LOGISTIC NEG RELU RELU6 RELU_N1_TO_1 ROUND RSQRT SIN SQRT"
    " SQUARE TANH LOG_SOFTMAX"
)
BINARY = "ADD SUB MUL DIV MAXIMUM MINIMUM SQUARED_DIFFERENCE POW FLOOR_DIV"


def constant(values: list[int]) -> Tensor:
    return Tensor("int32", [len(values)], values)


def cases() -> dict[str, bytes]:
    """Models that stand on either side of the conditions that the predictions know."""
    dense_of = {f"FULLY_CONNECTED v{n}": n for n in (10, 11, 14, 15)}
    versions = {name: one("FULLY_CONNECTED", [X], [X], version=n) for name, n in dense_of.items()}
    made = {**elementwise(), **quantized(), **windows(), **slices(), **shapes(), **dense(), **versions}
    return {**made, **products(), **transposes()}


def elementwise() -> dict[str, bytes]:
    made = {name: one(name, [X], [X], {} if name == "GELU" else None) for name in UNARY.split()}
    made |= {name: one(name, [X, X], [X]) for name in BINARY.split()}
    made["PRELU"] = one("PRELU", [X, Tensor("float32", [1, 1, 2], 0.5)], [X])
    made["PRELU by place"] = one("PRELU", [X, Tensor("float32", [4, 4, 2], 0.5)], [X])
    for beta in (1.0, 2.0):
        made[f"SOFTMAX {beta}"] = one("SOFTMAX", [X], [X], {"beta": beta})
    return made


def quantized() -> dict[str, bytes]:
    made = {}
    for kind in ("int8", "uint8"):
        q, far = Tensor(kind, IMAGE), Tensor(kind, IMAGE, None, (300.0,))
        small = Tensor(kind, IMAGE, None, (1 / 256,))
        made |= {f"{name} {kind}": one(name, [q, q], [q], version=2) for name in ("ADD", "MUL", "MAXIMUM")}
        made |= {f"{name} {kind}": one(name, [q], [q]) for name in ("ELU", "HARD_SWISH", "RELU6")}
        made[f"ADD {kind}, scales apart"] = one("ADD", [far, q], [q], version=2)
        made[f"LOGISTIC {kind}"] = one("LOGISTIC", [q], [small], version=2)
        made[f"QUANTIZE to {kind}"] = one("QUANTIZE", [X], [q])
        made[f"QUANTIZE {kind}, scales apart"] = one("QUANTIZE", [far], [q])
        made[f"DEQUANTIZE {kind}"] = one("DEQUANTIZE", [q], [X], version=2)
    made["QUANTIZE uint8 to int8"] = one("QUANTIZE", [Tensor("uint8", IMAGE)], [Tensor("int8", IMAGE)])
    return made


def windows() -> dict[str, bytes]:
    """Yield models that pool and reduce."""
    made = {}
    for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        for size, stride, activation in ((2, 2, 0), (2, 3, 0), (1, 1, 0), (1, 2, 0), (2, 2, 1), (2, 2, 4)):
            side = -(-4 // stride)
            keys = {"filterWidth": size, "filterHeight": size, "strideW": stride, "strideH": stride}
            out = Tensor("float32", [1, side, side, 2])
            options = {**keys, "fusedActivationFunction": activation}
            made[f"{name} {size}/{stride}/{activation}"] = one(name, [X], [out], options)
    for over in ([1, 2], [2], [1], [3], [0, 1, 2, 3]):
        left = [size for axis, size in enumerate(IMAGE) if axis not in over]
        made[f"MEAN {over}"] = one("MEAN", [X, constant(over)], [Tensor("float32", left)], {})
    return made


def slices() -> dict[str, bytes]:
    made = {}
    for height in (2, -1):
        out = Tensor("float32", [1, 4 if height < 0 else height, 2, 2])
        numbers = [constant([0] * 4), constant([1, height, 2, 2])]
        made[f"SLICE {height}"] = one("SLICE", [X, *numbers], [out], {})
    for stride in (1, 2):
        numbers = [constant([0] * 4), constant(IMAGE), constant([1, stride, 1, 1])]
        out = Tensor("float32", [1, 4 // stride, 4, 2])
        made[f"STRIDED_SLICE by {stride}"] = one("STRIDED_SLICE", [X, *numbers], [out], {})
    numbers = [constant([0] * 4), constant([1, 4, 4, 1]), constant([1] * 4)]
    for mask in ("ellipsisMask", "newAxisMask", "shrinkAxisMask"):
        out = Tensor("float32", [1, 4, 4] if mask == "shrinkAxisMask" else [1, 4, 4, 1])
        made[f"STRIDED_SLICE {mask}"] = one("STRIDED_SLICE", [X, *numbers], [out], {mask: 8})
    whole, axis = Tensor("float32", [1, 60]), Tensor("int32", [], 1)
    for count in (1, 2, 4, 5, 6):
        parts = [Tensor("float32", [1, 60 // count])] * count
        made[f"SPLIT {count}"] = one("SPLIT", [axis, whole], parts, {"numSplits": count})
    return made


def shapes() -> dict[str, bytes]:
    made = {}
    for count in (2, 4, 5, 6):
        joined = Tensor("float32", [1, 4, 4, 2 * count])
        made[f"CONCATENATION {count}"] = one("CONCATENATION", [X] * count, [joined], {"axis": 3})
    deep = Tensor("float32", [1, 1, 1, 1, 1, 2, 3])
    made["ADD of 7 dimensions"] = one("ADD", [deep, deep], [deep], {})
    made["RESHAPE to 7 dimensions"] = one(
        "RESHAPE", [Tensor("float32", [2, 3]), constant(deep.shape)], [deep], {}
    )
    flat, padded = Tensor("float32", [2, 3]), Tensor("float32", [2, 5])
    for kind in ("int32", "int64"):
        by = Tensor(kind, [2, 2], [[0, 0], [1, 1]])
        made[f"PAD by {kind}"] = one("PAD", [flat, by], [padded])
    made["RESHAPE"] = one("RESHAPE", [X, constant([1, 32])], [Tensor("float32", [1, 32])], {})
    late = Tensor("float32", [1, 32], signature=[-1, -1])
    made["RESHAPE computed"] = one("RESHAPE", [X, Tensor("int32", [2])], [late], {})
    return made


def dense() -> dict[str, bytes]:
    """Weights of every kind: with and without a constant, quantized with and without their activations."""
    x, y, bias = Tensor("float32", [1, 8]), Tensor("float32", [1, 4]), Tensor("float32", [4], 0)
    kinds = {
        "float": Tensor("float32", [4, 8], 1),
        "computed": Tensor("float32", [4, 8]),
        "hybrid": Tensor("int8", [4, 8], 1),
    }
    made = {
        f"FULLY_CONNECTED {kind}": one(
            "FULLY_CONNECTED", [x, weights, bias], [y], {}, version=3 if kind == "hybrid" else 1
        )
        for kind, weights in kinds.items()
    }
    weights = Tensor("int8", [4, 8], 1, (0.5,) * 4)
    q = [Tensor("int8", [1, 8]), weights, Tensor("int32", [4], 0, (0.25,) * 4)]
    out = Tensor("int8", [1, 4], None, (20.0,))
    made["FULLY_CONNECTED int8"] = one("FULLY_CONNECTED", q, [out], {}, version=4)
    image, kernel = Tensor("float32", [1, 4, 4, 2]), Tensor("int8", [3, 2, 2, 2], 1)
    sizes, strides = constant([1, 8, 8, 3]), {"strideW": 2, "strideH": 2}
    large = Tensor("float32", [1, 8, 8, 3])
    made["TRANSPOSE_CONV hybrid"] = one("TRANSPOSE_CONV", [sizes, kernel, image], [large], strides, version=2)
    half, unpacked = Tensor("float16", [4, 8], 1), Tensor("float32", [4, 8])
    tensors = {"x": x, "half": half, "w": unpacked, "b": bias, "y": y}
    ops = [Op("DEQUANTIZE", ["half"], ["w"], version=3), Op("FULLY_CONNECTED", ["x", "w", "b"], ["y"], {})]
    made["FULLY_CONNECTED half"] = build(tensors, ops, ["x"], ["y"])
    return made


def products() -> dict[str, bytes]:
    """BATCH_MATMUL of 8-bit factors: computed or constant, symmetric or not, one scale or one per column."""
    first, out = Tensor("int8", [1, 2, 8, 4], zero=3), Tensor("int8", [1, 2, 8, 6], None, (20.0,), zero=1)
    made = {}
    for values in (None, 1):
        for zero in (0, 5):
            for turned in (False, True):
                second = Tensor("int8", [1, 2, 6, 4] if turned else [1, 2, 4, 6], values, zero=zero)
                name = f"BATCH_MATMUL by {values}, zero point {zero}, turned {turned}"
                made[name] = one("BATCH_MATMUL", [first, second], [out], {"adjY": turned}, version=2)
    columns = Tensor("int8", [1, 2, 4, 6], 1, (0.5,) * 6, axis=3)
    made["BATCH_MATMUL by columns"] = one("BATCH_MATMUL", [first, columns], [out], {}, version=2)
    x, y = Tensor("float32", [1, 2, 8, 4]), Tensor("float32", [1, 2, 8, 6])
    made["BATCH_MATMUL hybrid"] = one("BATCH_MATMUL", [x, columns], [y], {}, version=4)
    return made


def transposes() -> dict[str, bytes]:
    """Of every type, in a model without and with a float tensor in it."""
    made = {}
    for kind in ("int8", "uint8", "int16", "int32"):
        tensors = {
            "q": Tensor(kind, [1, 4, 2, 3]),
            "by": constant([0, 2, 1, 3]),
            "r": Tensor(kind, [1, 2, 4, 3]),
        }
        turn = Op("TRANSPOSE", ["q", "by"], ["r"], {}, version=2)
        made[f"TRANSPOSE {kind} alone"] = build(tensors, [turn], ["q"], ["r"])
        tensors |= {"x": X, "y": X}
        ops = [turn, Op("ABS", ["x"], ["y"])]
        made[f"TRANSPOSE {kind} beside float"] = build(tensors, ops, ["q", "x"], ["r", "y"])
    return made


def observe(runtime: str, paths: list[Path]) -> list[Ops | str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(ROOT), runtime, *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [a if isinstance(a, str) else _ops(a) for a in json.loads(done.stdout)]


def _ops(raw: dict) -> Ops:
    return Ops(**{**raw, "not_delegated": [OpGroup(**group) for group in raw["not_delegated"]]})


def taken(ops: Ops) -> list[int]:
    left = {node for group in ops.not_delegated for node in group.nodes}
    return [index for index in range(ops.total) if index not in left]


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda r: r.name)
def test_one_op_models(runtime, tmp_path):
    """Nothing certain may be wrong; what the runtime's own kernels refuse says nothing of XNNPACK."""
    models = cases()
    paths = [tmp_path / f"{i}.tflite" for i in range(len(models))]
    for path, data in zip(paths, models.values(), strict=True):
        path.write_bytes(data)
    wrong, certain = [], 0
    for (name, data), seen in zip(models.items(), observe(runtime.name, paths), strict=True):
        prediction = predict(read_model(data), "xnnpack", runtime)
        if isinstance(seen, str):
            foreseen = "Didn't find op" in seen or "weights->type != input->type" in seen
            if foreseen != (prediction.outcome == "refused"):
                wrong.append((name, prediction.outcome, seen))
            continue
        for index, op in enumerate(prediction.ops):
            certain += op.verdict is not Verdict.UNCERTAIN
            if op.verdict is not Verdict.UNCERTAIN and (op.verdict is Verdict.DELEGATED) != (
                index in taken(seen)
            ):
                wrong.append((name, index, str(op.verdict), op.reason))
    assert not wrong
    assert certain > 60


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda r: r.name)
def test_whole_nets(runtime, nets):
    paths = sorted(nets.glob("*.tflite"))
    for path, seen in zip(paths, observe(runtime.name, paths), strict=True):
        prediction = predict(read_model_file(path), "xnnpack", runtime)
        if isinstance(seen, str):
            assert prediction.outcome == "refused", (path.name, seen)
            continue
        expected = [i for i, op in enumerate(prediction.ops) if op.verdict is Verdict.DELEGATED]
        assert prediction.count(Verdict.UNCERTAIN) == 0
        assert expected == taken(seen), path.name
