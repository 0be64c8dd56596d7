"""Predictions from the file alone: verdicts, reasons, and that hostile files cost nothing but a word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ai_edge_litert import schema_py_generated as schema

from delegates.wire import Runtime
from harness.accelerators import Verdict, loading, predict
from harness.accelerators.partition import first_part, kept, largest_part, parts
from harness.analysis.compat.limits import needs
from harness.tflite import read_model, work
from tests.device.test_predictions import cases
from tests.models import dense_model, pack
from tests.ops import Op, Tensor, build, one

TFLITE, LITERT = Runtime("tflite-runtime", "2.14.0"), Runtime("ai-edge-litert", "2.3.0")
IMAGE = [1, 4, 4, 2]


def verdicts(data: bytes, delegate: str, runtime: Runtime = LITERT) -> list[str]:
    return [str(op.verdict) for op in predict(read_model(data), delegate, runtime).ops]


def unary(name: str, dtype: str, version: int = 1) -> bytes:
    return one(name, [Tensor(dtype, IMAGE)], [Tensor(dtype, IMAGE)], version=version)


def chain(*steps: tuple[str, str]) -> bytes:
    """Ops of (name, dtype of the output) one after the other; the input is int8."""
    tensors = {"t0": Tensor("int8", IMAGE)}
    ops = []
    for number, (name, dtype) in enumerate(steps, 1):
        tensors[f"t{number}"] = Tensor(dtype, IMAGE)
        ops.append(Op(name, [f"t{number - 1}"], [f"t{number}"]))
    return build(tensors, ops, ["t0"], [f"t{len(steps)}"])


@pytest.mark.parametrize(
    ("data", "old", "new"),
    [
        (unary("ABS", "float32"), "taken", "taken"),
        (unary("EXP", "float32"), "not taken", "taken"),
        (unary("LOG_SOFTMAX", "float32"), "not taken", "not taken"),
        (unary("LOGISTIC", "int8"), "not taken", "taken"),
        (unary("ABS", "int8"), "not taken", "not taken"),
        (unary("TANH", "int16", 3), "not taken", "not taken"),
    ],
)
def test_xnnpack_by_op_type_and_runtime(data, old, new):
    assert verdicts(data, "xnnpack", TFLITE) == [old]
    assert verdicts(data, "xnnpack", LITERT) == [new]


def test_versions_that_were_not_asked_are_certain_only_where_all_agree():
    between = Runtime("ai-edge-litert", "1.4.0")
    assert verdicts(unary("ABS", "float32"), "xnnpack", between) == ["taken"]
    assert verdicts(unary("EXP", "float32"), "xnnpack", between) == ["uncertain"]
    assert verdicts(unary("LOG_SOFTMAX", "float32"), "xnnpack", between) == ["not taken"]
    assert verdicts(unary("LOG", "float32"), "xnnpack", Runtime("tensorflow", "2.21.0")) == ["not taken"]
    assert verdicts(unary("ABS", "float32"), "xnnpack", Runtime("tensorflow", "2.9.0")) == ["uncertain"]
    older, newer = Runtime("tflite-runtime", "2.11.0"), Runtime("ai-edge-litert", "9.0.0")
    assert verdicts(unary("LOGISTIC", "int8"), "xnnpack", older) == ["not taken"]
    assert verdicts(unary("ABS", "float32"), "xnnpack", older) == ["uncertain"]
    assert verdicts(unary("EXP", "float32"), "xnnpack", newer) == ["taken"]
    assert verdicts(unary("LOG_SOFTMAX", "float32"), "xnnpack", newer) == ["uncertain"]


def test_another_runtime_is_recommended_only_where_it_takes_the_op():
    for name, data in {**cases(), "ABS int8": unary("ABS", "int8"), "EXP": unary("EXP", "float32")}.items():
        model = read_model(data)
        old, new = (predict(model, "xnnpack", runtime) for runtime in (TFLITE, LITERT))
        if old.refusal or new.refusal:
            continue
        for before, after in zip(old.ops, new.ops, strict=True):
            if before.verdict is Verdict.NOT_DELEGATED and "costs all" not in before.reason:
                taken = after.verdict is Verdict.DELEGATED
                assert ("ai-edge-litert" in before.reason) is taken, (name, before)
                assert ("use ai-edge-litert" in (before.remedy or "")) is taken, (name, before)


def test_int8_is_recommended_only_where_an_int8_kernel_exists():
    tanh, softmax = (read_model(unary(name, "int16")) for name in ("TANH", "SOFTMAX"))
    remedies = [predict(tanh, "xnnpack", runtime).ops[0].remedy for runtime in (TFLITE, LITERT)]
    int8 = "convert with int8 instead of int16x8"
    assert remedies == [f"{int8}, and use ai-edge-litert", int8]
    assert predict(softmax, "xnnpack", LITERT).ops[0].remedy is None


@pytest.mark.parametrize("runtime", [TFLITE, LITERT])
def test_an_op_without_any_kernel_is_not_said_to_lack_one_for_its_type(runtime):
    gather = predict(read_model(unary("GATHER", "int8")), "xnnpack", runtime).ops[0]
    softmax = predict(read_model(unary("SOFTMAX", "int8")), "xnnpack", runtime).ops[0]
    assert (gather.reason, softmax.reason) == ("no kernel in XNNPACK", "no int8 kernel in XNNPACK")


def test_a_computed_shape_costs_the_old_runtime_everything():
    reshape = one(
        "RESHAPE", [Tensor("float32", IMAGE), Tensor("int32", [2])], [Tensor("float32", [1, 32])], {}
    )
    old = predict(read_model(reshape), "xnnpack", TFLITE)
    assert old.outcome == "none"
    assert "RESHAPE" in (old.ops[0].reason or "")
    assert "batch size" in (old.ops[0].remedy or "")


def test_float16_weights_go_with_the_op_that_uses_them():
    def model(user: str) -> bytes:
        tensors = {
            "x": Tensor("float32", IMAGE),
            "half": Tensor("float16", IMAGE, values=1),
            "w": Tensor("float32", IMAGE),
            "y": Tensor("float32", IMAGE),
        }
        ops = [Op("DEQUANTIZE", ["half"], ["w"], version=3), Op(user, ["x", "w"], ["y"])]
        return build(tensors, ops, ["x"], ["y"])

    assert verdicts(model("ADD"), "xnnpack") == ["taken", "taken"]
    assert verdicts(model("POW"), "xnnpack") == ["not taken", "not taken"]


@pytest.mark.parametrize(
    ("op", "version", "runtime", "loads"),
    [
        ("FULLY_CONNECTED", 12, TFLITE, False),
        ("FULLY_CONNECTED", 10, TFLITE, True),
        ("FULLY_CONNECTED", 12, LITERT, True),
        ("FULLY_CONNECTED", 15, LITERT, False),
        ("RANGE", 2, TFLITE, True),  # came with 2.14 itself
        ("TRANSPOSE", 7, TFLITE, False),  # 2.14.4, after the last tflite-runtime
        ("FULLY_CONNECTED", 12, Runtime("tensorflow", "2.17.0"), True),
        ("FULLY_CONNECTED", 12, Runtime("tensorflow", "2.16.2"), False),
        ("STABLEHLO_ABS", 1, LITERT, False),
    ],
)
def test_what_a_runtime_loads(op, version, runtime, loads):
    model = read_model(one(op, [Tensor("float32", [1])], [Tensor("float32", [1])], version=version))
    refusal = loading.refusal(model, runtime)
    assert (refusal is None) is loads
    if refusal is not None:
        assert refusal.certain and op in refusal.reason and refusal.remedy


def test_a_litert_between_the_known_ones_may_refuse():
    model = read_model(one("ADD", [Tensor("float32", [1])] * 2, [Tensor("float32", [1])], version=6))
    refusal = loading.refusal(model, Runtime("ai-edge-litert", "1.2.0"))
    assert refusal is not None and not refusal.certain
    assert predict(model, "cpu", Runtime("ai-edge-litert", "1.2.0")).outcome == "uncertain"


@pytest.mark.parametrize("name", ["tflite-runtime", "ai-edge-litert", "tensorflow"])
def test_of_a_runtime_without_a_version_nothing_is_certain_but_what_all_have(name):
    """Some boards' builds tell none: "unknown"."""
    unknown = Runtime(name, "unknown")
    refusal = loading.refusal(read_model(unary("RELU", "float32")), unknown)
    assert not refusal.certain and f"version of {name}" in refusal.reason
    assert verdicts(unary("ABS", "float32"), "xnnpack", unknown) == ["taken"]
    assert verdicts(unary("LOGISTIC", "int8"), "xnnpack", unknown) == ["uncertain"]
    assert verdicts(unary("LOG_SOFTMAX", "float32"), "xnnpack", unknown) == ["not taken"]


def test_custom_ops():
    tensors = {"x": Tensor("float32", [1]), "y": Tensor("float32", [1])}
    data = build(tensors, [Op("mine", ["x"], ["y"])], ["x"], ["y"])
    prediction = predict(read_model(data), "cpu", LITERT)
    assert prediction.outcome == "refused" and "mine" in prediction.refusal.reason
    flex = read_model(build(tensors, [Op("FlexErf", ["x"], ["y"])], ["x"], ["y"]))
    assert loading.refusal(flex, Runtime("tensorflow", "2.21.0")) is None
    assert "SELECT_TF_OPS" in loading.refusal(flex, LITERT).remedy


@pytest.mark.parametrize(
    ("op", "runtime", "loads"),
    [
        ("CONV_2D", Runtime("tflite-runtime", "2.2.0"), False),
        ("CONV_2D", Runtime("tflite-runtime", "2.3.0"), True),
        ("LOG", TFLITE, False),  # asked: "Type INT16 is unsupported by op Log"
        ("EXP", TFLITE, True),
        ("LOG", LITERT, True),
    ],
)
def test_int16_tensors_need_a_kernel_whatever_version_the_converter_writes(op, runtime, loads):
    model = read_model(one(op, [Tensor("int16", IMAGE)], [Tensor("int16", IMAGE)]))
    refusal = loading.refusal(model, runtime)
    assert (refusal is None) is loads
    if refusal is not None:
        assert f"{op} with int16 tensors" in refusal.reason and "int8" in refusal.remedy


def lstm(data: str, state: str) -> bytes:
    """One int8 or float UNIDIRECTIONAL_SEQUENCE_LSTM: 12 steps of 4 features, 8 units; its 24 inputs."""
    weights = "int8" if data == "int8" else "float32"
    tensors = {"x": Tensor(data, [1, 12, 4]), "y": Tensor(data, [1, 12, 8])}
    tensors |= {f"w{i}": Tensor(weights, [8, 4], 1) for i in range(4)}
    tensors |= {f"r{i}": Tensor(weights, [8, 8], 1) for i in range(4)}
    tensors |= {f"b{i}": Tensor("int32" if data == "int8" else "float32", [8], 1) for i in range(4)}
    tensors |= {"h": Tensor(data, [1, 8]), "c": Tensor(state, [1, 8])}
    gates = [f"{kind}{i}" for kind in "wr" for i in range(4)]
    inputs = ["x", *gates, "", "", "", *(f"b{i}" for i in range(4)), "", "", "h", "c", "", "", "", ""]
    table = "UnidirectionalSequenceLSTMOptions"
    op = Op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, ["y"], {"fusedActivationFunction": 4}, table=table)
    return build(tensors, [op], ["x"], ["y"])


@pytest.mark.parametrize("runtime", [TFLITE, LITERT])
def test_an_int8_lstm_is_not_told_to_be_int8(runtime):
    """Its cell state is int16, which says nothing about the scheme."""
    (op,) = predict(read_model(lstm("int8", "int16")), "xnnpack", runtime).ops
    assert op.verdict is Verdict.NOT_DELEGATED
    assert "int16" not in (op.reason or "")
    assert op.remedy == "build the layer with unroll=True"


def test_the_macs_of_an_lstm_are_those_of_its_weights_at_each_step():
    for data, state in (("float32", "float32"), ("int8", "int16")):
        model = read_model(lstm(data, state))
        assert work.macs(model.ops[0], model) == 12 * (4 * 8 * 4 + 4 * 8 * 8)
        assert not work.uncounted(model.ops[0], model)


def test_what_multiplies_without_a_count_is_said_to():
    x = [Tensor("float32", [1, 8])]
    names = ("WHILE", "SVDF", "mine", "ADD", "RESHAPE", "CONV_2D")
    found = {name: read_model(one(name, x, x)) for name in names}
    uncounted = {name: work.uncounted(model.ops[0], model) for name, model in found.items()}
    assert uncounted == {
        "WHILE": True,
        "SVDF": True,
        "mine": True,
        "ADD": False,
        "RESHAPE": False,
        "CONV_2D": True,
    }


def test_custom_ops_stay_on_the_cpu_for_that_reason():
    """No kernel of uint8 or of any other type is missing: XNNPACK has no kernel for them at all."""
    x = [Tensor("uint8", [1, 8])]
    (op,) = predict(read_model(one("TFLite_Detection_PostProcess", x, x)), "xnnpack", LITERT).ops
    assert (op.verdict, op.reason) == (Verdict.NOT_DELEGATED, "no kernel in XNNPACK for this custom op")


def test_a_float_model_with_new_ops_is_to_be_quantized_for_the_edge_tpu():
    """Of two reasons to refuse it, the one is said whose remedy is the first step."""
    inputs = [Tensor("float32", [1, 8]), Tensor("int8", [4, 8], 1, (0.5,) * 4), Tensor("float32", [4], 0)]
    dynamic = one("FULLY_CONNECTED", inputs, [Tensor("float32", [1, 4])], {}, version=12)
    refusal = predict(read_model(dynamic), "edgetpu", TFLITE).refusal
    assert refusal.certain and "not quantized" in refusal.reason and "int8" in refusal.remedy


def test_old_runtimes_hand_nothing_to_xnnpack():
    (op,) = predict(read_model(unary("ABS", "float32")), "xnnpack", Runtime("tflite-runtime", "2.7.0")).ops
    assert op.verdict is Verdict.NOT_DELEGATED and "2.8 and newer do" in op.reason


def gpu(data: bytes) -> list[str]:
    return [str(op.verdict) for op in predict(read_model(data), "gpu", LITERT).ops]


def test_gpu_unpacks_float16_weights_only_where_it_takes_everything():
    """Seen: of float16 models with an op left, all DEQUANTIZE were left; they count for no part."""

    def model(last: str) -> bytes:
        tensors = {name: Tensor("float32", IMAGE) for name in ("x", "w", "y", "z", "v")}
        tensors["half"] = Tensor("float16", IMAGE, values=1)
        ops = [
            Op("DEQUANTIZE", ["half"], ["w"], version=3),
            Op("ADD", ["x", "w"], ["y"]),
            Op(last, ["y"], ["z"]),
            Op("ABS", ["z"], ["v"]),
        ]
        return build(tensors, ops, ["x"], ["v"])

    assert gpu(model("RELU")) == ["taken"] * 4
    assert gpu(model("L2_NORMALIZATION"))[0] == "not taken"


def test_gpu_faults_are_not_promised_to_work():
    """Seen: one tensor as both factors ends the process; 8-bit operands of two ranks fail to compile."""
    x = Tensor("float32", IMAGE)

    def twice(name: str) -> str:
        tensors = {"a": x, "x": x, "y": x}
        return gpu(build(tensors, [Op("RELU", ["a"], ["x"]), Op(name, ["x", "x"], ["y"])], ["a"], ["y"]))[1]

    assert [twice(name) for name in ("ADD", "SUB", "BATCH_MATMUL")] == ["taken", "not taken", "uncertain"]
    image, vector = Tensor("int8", [1, 8]), Tensor("int8", [8])
    assert gpu(one("ADD", [image, vector], [image], version=2)) == ["uncertain"]
    assert gpu(one("ADD", [image, image], [image], version=2)) == ["taken"]


def test_gpu_gathers_by_a_vector_only():
    table, row = Tensor("float32", [8, 4]), Tensor("float32", [2, 4])
    assert gpu(one("GATHER", [table, Tensor("int32", [2])], [row], {})) == ["taken"]
    assert gpu(one("GATHER", [table, Tensor("int32", [1, 2])], [row], {})) == ["not taken"]


def test_edgetpu_keeps_the_first_part_alone():
    data = chain(("RELU", "int8"), ("FLOOR", "int8"), ("RELU", "int8"))
    prediction = predict(read_model(data), "edgetpu", TFLITE)
    assert [str(op.verdict) for op in prediction.ops] == ["taken", "not taken", "not taken"]
    assert "behind" in prediction.ops[2].reason
    assert (prediction.outcome, prediction.partitions) == ("partly", 1)


def test_edgetpu_doubt_spreads_to_what_depends_on_it():
    tile = [Tensor("int8", IMAGE), Tensor("int32", [4], values=[1, 1, 1, 1])]
    tensors = {"a": tile[0], "n": tile[1], "b": Tensor("int8", IMAGE), "c": Tensor("int8", IMAGE)}
    ops = [Op("RELU", ["a"], ["d"]), Op("TILE", ["a", "n"], ["b"], {}), Op("RELU", ["b"], ["c"])]
    data = build({**tensors, "d": Tensor("int8", IMAGE)}, ops, ["a"], ["c", "d"])
    prediction = predict(read_model(data), "edgetpu", TFLITE)
    assert [str(op.verdict) for op in prediction.ops] == ["taken", "uncertain", "uncertain"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (dense_model(1), "not quantized"),
        (one("EXP", [Tensor("int8", [1])], [Tensor("int8", [1])], version=2), "cannot parse EXP version 2"),
    ],
)
def test_edgetpu_refuses_whole_models(data, why):
    prediction = predict(read_model(data), "edgetpu", TFLITE)
    assert prediction.outcome == "refused" and why in prediction.refusal.reason
    assert set(prediction.ops) == {prediction.ops[0]} and prediction.ops[0].verdict is Verdict.NOT_DELEGATED


@pytest.mark.parametrize(
    ("name", "shape", "out", "options", "expected"),
    [
        ("SOFTMAX", [1, 10], [1, 10], {"beta": 1.0}, "taken"),
        ("SOFTMAX", [1, 4, 10], [1, 4, 10], {"beta": 1.0}, "not taken"),
        ("SOFTMAX", [1, 16_384], [1, 16_384], {"beta": 1.0}, "taken"),  # 8 of 8
        ("SOFTMAX", [1, 20_000], [1, 20_000], {"beta": 1.0}, "uncertain"),
        ("RELU", [2, 4, 4, 2], [2, 4, 4, 2], None, "not taken"),  # a batch of two
        ("RESHAPE", [1, 8], [8], {"newShape": [8]}, "taken"),
        ("RESHAPE", [1, 400_000], [400_000], {"newShape": [400_000]}, "uncertain"),
        ("LEAKY_RELU", [1, 8], [1, 8], {"alpha": 0.1}, "not taken"),
    ],
)
def test_edgetpu_by_shape(name, shape, out, options, expected):
    data = one(name, [Tensor("int8", shape)], [Tensor("int8", out)], options)
    assert verdicts(data, "edgetpu") == [expected]


def test_edgetpu_resize_and_mean():
    def resize(before: int, after: int, name: str = "RESIZE_BILINEAR", half: bool = True) -> bytes:
        sizes = Tensor("int32", [2], values=[after, after])
        shapes = [Tensor("int8", [1, side, side, 8]) for side in (before, after)]
        return one(name, [shapes[0], sizes], [shapes[1]], {"halfPixelCenters": half}, version=2)

    def found(*args: object, **kwargs: object) -> tuple[str, bool]:
        op = predict(read_model(resize(*args, **kwargs)), "edgetpu", TFLITE).ops[0]
        assert not op.likely or "seen" in op.reason or "resize" in op.reason
        return str(op.verdict), op.likely

    assert found(6, 12) == found(33, 33) == found(33, 33, half=False) == ("taken", False)
    assert found(1, 33) == found(33, 513) == ("not taken", False)  # 8 of 8 and 9 of 9
    assert found(1, 65) == found(32, 512) == ("not taken", True)
    assert found(600, 600) == ("taken", True)
    assert found(6, 12, half=False) == found(24, 96) == found(48, 96) == ("uncertain", False)
    nearest = "RESIZE_NEAREST_NEIGHBOR"
    assert found(6, 12, nearest) == found(3, 5, nearest) == ("taken", True)
    assert found(6, 18, nearest) == found(128, 256, nearest) == ("uncertain", False)

    def mean(shape: list[int], axes: list[int]) -> bytes:
        over = Tensor("int32", [len(axes)], values=axes)
        kept_sizes = [size for i, size in enumerate(shape) if i not in axes]
        return one("MEAN", [Tensor("int8", shape), over], [Tensor("int8", kept_sizes)], {}, version=2)

    assert verdicts(mean([1, 7, 7, 32], [1, 2]), "edgetpu") == ["taken"]
    assert verdicts(mean([1, 7, 7, 3], [3]), "edgetpu") == ["not taken"]
    assert verdicts(mean([1, 256, 128, 4], [1, 2]), "edgetpu") == ["uncertain"]


def edgetpu_op(name, shapes, out, options=None, **kwargs):
    """The Edge TPU's verdict on a single op; each of its `outs` outputs is int8, of shape `out`."""
    model = read_model(one(name, shapes, [Tensor("int8", out)] * kwargs.pop("outs", 1), options, **kwargs))
    return predict(model, "edgetpu", TFLITE).ops[0]


def test_edgetpu_doubts_what_issues_tell_of():
    def lstm(features: int) -> str:
        seen = edgetpu_op("UNIDIRECTIONAL_SEQUENCE_LSTM", [Tensor("int8", [1, 5, features])], [1, 5, 32])
        return seen.verdict

    assert (lstm(100), lstm(1280)) == (Verdict.DELEGATED, Verdict.UNCERTAIN)
    sizes, kernel = Tensor("int32", [4], values=[1, 8, 8, 2]), Tensor("int8", [2, 2, 2, 2], values=1)
    transposed = edgetpu_op("TRANSPOSE_CONV", [sizes, kernel, Tensor("int8", IMAGE)], [1, 8, 8, 2])
    assert transposed.verdict is Verdict.UNCERTAIN and "509, 684, 686" in transposed.source

    def pool(side: int) -> Verdict:
        half = [1, side // 2, side // 2, 16]
        return edgetpu_op("MAX_POOL_2D", [Tensor("int8", [1, side, side, 16])], half, {}).verdict

    assert (pool(64), pool(512)) == (Verdict.DELEGATED, Verdict.UNCERTAIN)

    def split(axis: int, shape: list[int]) -> Verdict:
        halved = [size // 2 if i == axis else size for i, size in enumerate(shape)]
        inputs = [Tensor("int32", [1], values=[axis]), Tensor("int8", shape)]
        return edgetpu_op("SPLIT", inputs, halved, {"numSplits": 2}, outs=2).verdict

    assert split(3, IMAGE) is Verdict.DELEGATED
    assert split(1, IMAGE) is split(3, [1, 800, 800, 2]) is Verdict.UNCERTAIN


def test_edgetpu_likely_takes_an_add_directly_behind_a_pad():
    pads = Tensor("int32", [4, 2], values=[[0, 0], [0, 0], [0, 0], [0, 1]])
    tensors = {"a": Tensor("int8", IMAGE), "pads": pads, "x": Tensor("int8", [1, 4, 4, 3])}
    tensors |= {"b": Tensor("int8", [1, 4, 4, 3]), "c": Tensor("int8", [1, 4, 4, 3])}
    ops = [Op("PAD", ["a", "pads"], ["b"]), Op("ADD", ["x", "b"], ["c"])]
    found = predict(read_model(build(tensors, ops, ["a", "x"], ["c"])), "edgetpu", TFLITE)
    assert [(op.verdict, op.likely) for op in found.ops] == [
        (Verdict.DELEGATED, False),
        (Verdict.DELEGATED, True),
    ]
    assert found.ops[1].source.endswith("issues/690")
    assert (found.outcome, found.likely) == ("all", 1)


def test_edgetpu_a_likely_op_makes_likely_what_depends_on_it_and_no_more():
    pads = Tensor("int32", [4, 2], values=[[0, 0], [0, 1], [0, 0], [0, 0]])
    padded = Tensor("int8", [1, 5, 4, 2])
    tensors = {"a": Tensor("int8", IMAGE), "pads": pads, "b": padded, "x": padded}
    tensors |= dict.fromkeys("cdef", padded)
    ops = [
        Op("PAD", ["a", "pads"], ["b"]), Op("ADD", ["x", "b"], ["c"]), Op("RELU", ["c"], ["d"]),
        Op("FLOOR", ["d"], ["e"]), Op("RELU", ["e"], ["f"]),
    ]  # fmt: skip
    found = predict(read_model(build(tensors, ops, ["a", "x"], ["f"])), "edgetpu", TFLITE)
    assert [(str(op.verdict), op.likely) for op in found.ops] == [
        ("taken", False), ("taken", True), ("taken", True), ("not taken", False), ("not taken", False)
    ]  # fmt: skip
    assert "depends on what becomes of ADD" in found.ops[2].reason
    assert (found.outcome, found.partitions, found.likely) == ("partly", 1, 2)


@pytest.mark.parametrize(
    ("sides", "dilation", "expected"),
    [
        ((3, 1), (2, 1), "taken"),  # compiler 16.0 maps it: nothing is dilated along an axis of 1
        ((3, 1), (4, 1), "taken"),
        ((1, 3), (1, 2), "taken"),
        ((1, 1), (3, 2), "taken"),
        ((3, 3), (2, 2), "taken"),
        ((3, 3), (2, 1), "not taken"),
        ((3, 3), (1, 2), "not taken"),
    ],
)
@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_edgetpu_dilates_both_ways_alike(name, sides, dilation, expected):
    weights = Tensor("int8", [1 if name.startswith("D") else 2, *sides, 2], 1)
    options = {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1], "strideW": 1, "strideH": 1}
    inputs = [Tensor("int8", IMAGE), weights, Tensor("int32", [2], 0)]
    assert str(edgetpu_op(name, inputs, IMAGE, options).verdict) == expected


def test_edgetpu_one_pixel_is_likely_tiled():
    times = Tensor("int32", [4], values=[1, 4, 4, 1])
    one_pixel = edgetpu_op("TILE", [Tensor("int8", [1, 1, 1, 2]), times], IMAGE, {})
    assert (one_pixel.verdict, one_pixel.likely) == (Verdict.DELEGATED, True)
    wider = edgetpu_op("TILE", [Tensor("int8", [1, 1, 4, 2]), times], IMAGE, {})
    assert wider.verdict is Verdict.UNCERTAIN


@pytest.mark.parametrize(
    ("arguments", "verdict", "partitions"),
    [
        (["-t", "600", "--show_operations", "--timeout_sec=60"], Verdict.DELEGATED, 1),
        (["-s", "--min_runtime_version", "10"], Verdict.UNCERTAIN, None),
    ],
)
def test_edgetpu_arguments_of_unknown_effect(arguments, verdict, partitions):
    options = {"compiler_args": arguments}
    found = predict(read_model(unary("RELU", "int8")), "edgetpu", TFLITE, options)
    assert (found.ops[0].verdict, found.partitions) == (verdict, partitions)
    assert verdict is Verdict.DELEGATED or "--min_runtime_version 10" in found.ops[0].reason
    floats = predict(read_model(unary("RELU", "float32")), "edgetpu", TFLITE, options)
    assert floats.outcome == "refused"


def test_edgetpu_doubts_ops_that_fill_the_memory_together():
    def found(side: int):
        big = Tensor("int8", [1, side, side, 2])
        return predict(read_model(one("ADD", [big, big], [big])), "edgetpu", TFLITE)

    assert found(1000).outcome == found(2000).outcome == "all"  # up to 24 MiB all of 30 models compiled
    assert found(2100).outcome == "uncertain" and "25.2 MiB" in found(2100).refusal.reason


def with_another_subgraph(data: bytes, other: bytes) -> bytes:
    """`data` with the subgraph of `other` as its second one, as the body of a WHILE is."""
    model, added = (schema.ModelT.InitFromPackedBuf(each) for each in (data, other))
    graph = added.subgraphs[0]
    for tensor in graph.tensors:
        tensor.buffer = tensor.buffer and tensor.buffer + len(model.buffers) - 1
    for operator in graph.operators:
        operator.opcodeIndex += len(model.operatorCodes)
    model.buffers += added.buffers[1:]
    model.operatorCodes += added.operatorCodes
    model.subgraphs.append(graph)
    return pack(model)


def test_ops_of_other_subgraphs_count_for_what_a_runtime_loads():
    """A Keras LSTM made with dynamic range has its FULLY_CONNECTED version 12 in the body of a WHILE only."""
    x, weights = Tensor("float32", [1, 4]), Tensor("int8", [4, 4], 1)
    dense = one("FULLY_CONNECTED", [x, weights], [x], version=12)
    model = read_model(with_another_subgraph(unary("RELU", "float32"), dense))
    assert (model.subgraphs, len(model.ops), model.scheme) == (2, 1, "dynamic")
    refused = predict(model, "xnnpack", TFLITE)
    assert refused.outcome == "refused" and "FULLY_CONNECTED version 12" in refused.refusal.reason
    assert predict(model, "xnnpack", LITERT).outcome == "all"
    assert needs(model).release == "2.17"


@pytest.mark.parametrize("delegate", ["edgetpu", "gpu"])
def test_several_subgraphs_are_uncertain(delegate):
    model = replace(read_model(unary("RELU", "int8")), subgraphs=2)
    found = predict(model, delegate, LITERT)
    assert found.outcome == "uncertain" and "2 subgraphs" in found.refusal.reason


@pytest.mark.parametrize("delegate", ["cpu", "xnnpack", "gpu", "edgetpu"])
def test_of_an_empty_model_nothing_is_taken(delegate):
    tensors = {"x": Tensor("int8", [1])}
    assert predict(read_model(build(tensors, [], ["x"], ["x"])), delegate, LITERT).outcome == "none"


def test_a_gap_in_the_table_of_versions_is_uncertain():
    sizes = Tensor("int32", [4], values=IMAGE)
    model = read_model(one("BROADCAST_TO", [Tensor("int8", [1]), sizes], [Tensor("int8", IMAGE)]))
    found = predict(model, "edgetpu", TFLITE)
    assert found.outcome == "uncertain" and "not documented" in found.refusal.reason
    old = loading.refusal(model, Runtime("tensorflow", "2.4.0"))
    assert old is not None and not old.certain
    assert loading.refusal(model, TFLITE) is None


def test_gpu_without_fallback_takes_all_or_nothing():
    def found(name: str, **options: object):
        return predict(read_model(unary(name, "float32")), "gpu", LITERT, {"fallback": False, **options})

    assert found("RELU").outcome == "all"
    refused = found("LOG_SOFTMAX")
    assert refused.outcome == "refused" and refused.refusal.remedy == "fallback = true"
    assert found("ADD_N").outcome == "uncertain" and not found("ADD_N").refusal.certain
    assert found("LOG_SOFTMAX", fallback=True).outcome == "none"
    assert found("LOG_SOFTMAX", library="libgpu.so").outcome == "none"


def test_gpu_accelerator_is_certain_only_of_what_it_was_seen_to_do():
    assert verdicts(unary("LOGISTIC", "float32"), "gpu") == ["taken"]
    assert verdicts(unary("ROUND", "float32"), "gpu", Runtime("ai-edge-litert", "3.0.0")) == ["uncertain"]
    assert predict(read_model(unary("LOGISTIC", "float32")), "gpu", TFLITE).outcome == "none"
    library = {"library": "libgpu.so"}
    known = predict(read_model(unary("LOGISTIC", "float32")), "gpu", TFLITE, library)
    assert (known.outcome, known.target) == ("all", "libgpu.so")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            one("SOFTMAX", [Tensor("float32", [1, 8])], [Tensor("float32", [1, 8])], {"beta": 2.0}),
            "not taken",
        ),
        (one("ADD", [Tensor("float32", [1] * 5)] * 2, [Tensor("float32", [1] * 5)]), "not taken"),
        (one("FLOOR", [Tensor("int16", [4])], [Tensor("int16", [4])]), "uncertain"),
        (one("QUANTIZE", [Tensor("float32", [4])], [Tensor("int16", [4])], version=2), "not taken"),
        (one("SHAPE", [Tensor("float32", [4])], [Tensor("int32", [1])]), "not taken"),
        (one("CUMSUM", [Tensor("float32", [4])], [Tensor("float32", [4])]), "taken"),
        (one("ADD_N", [Tensor("float32", [4])], [Tensor("float32", [4])]), "uncertain"),
    ],
)
def test_gpu_accelerator_by_condition(data, expected):
    assert verdicts(data, "gpu") == [expected]


def test_gpu_keeps_the_largest_part():
    data = chain(("RELU", "int8"), ("LOG_SOFTMAX", "int8"), ("RELU", "int8"), ("RELU", "int8"))
    assert verdicts(data, "gpu") == ["not taken", "not taken", "taken", "taken"]


def test_what_nobody_knows_is_uncertain():
    assert verdicts(dense_model(1), "external") == ["uncertain"]


def test_uncertain_ops_of_one_kind_may_be_answered_differently():
    steps = [("QUANTIZE", "int8"), ("TRANSPOSE", "int8"), ("TRANSPOSE", "int8"), ("RELU", "int8")]
    model = read_model(chain(*steps))
    single = [Verdict.NOT_DELEGATED, Verdict.UNCERTAIN, Verdict.UNCERTAIN, Verdict.DELEGATED]
    assert kept(model, single, first_part)[3] is Verdict.UNCERTAIN


def test_parts_of_a_graph():
    model = read_model(chain(("RELU", "int8"), ("FLOOR", "int8"), ("RELU", "int8"), ("RELU", "int8")))
    supported = [True, False, True, True]
    assert parts(model, supported) == [(True, [0]), (False, [1]), (True, [2, 3])]
    assert first_part(model, supported) == {0}
    assert largest_part(model, supported) == {2, 3}
    doubtful = [Verdict.UNCERTAIN, Verdict.NOT_DELEGATED, Verdict.DELEGATED, Verdict.DELEGATED]
    assert kept(model, doubtful, first_part) == [
        Verdict.UNCERTAIN, Verdict.NOT_DELEGATED, Verdict.UNCERTAIN, Verdict.UNCERTAIN
    ]  # fmt: skip


@pytest.mark.parametrize("delegate", ["cpu", "xnnpack", "gpu", "edgetpu", "external"])
@pytest.mark.parametrize(
    "name", ["PRELU", "MEAN", "SPLIT", "CONV_2D", "CONCATENATION", "PACK", "STRIDED_SLICE"]
)
def test_ops_without_their_tensors_get_a_verdict(delegate, name):
    tensors = {"x": Tensor("int8", []), "y": Tensor("int8", [])}
    for inputs, outputs in (([], []), (["x"], []), ([], ["y"]), (["x"], ["y"])):
        model = read_model(build(tensors, [Op(name, inputs, outputs)], ["x"], ["y"]))
        assert len(predict(model, delegate, LITERT).ops) == 1


def test_macs_and_parameters():
    conv = one(
        "CONV_2D",
        [Tensor("float32", [1, 8, 8, 3]), Tensor("float32", [16, 3, 3, 3], 1), Tensor("float32", [16], 0)],
        [Tensor("float32", [1, 8, 8, 16])],
        {"strideW": 1, "strideH": 1},
    )
    model = read_model(conv)
    assert work.macs(model.ops[0], model) == 8 * 8 * 16 * 3 * 3 * 3
    assert work.parameters(model.ops[0], model) == work.total_parameters(model) == 16 * 27 + 16
    dense = read_model(dense_model(1, inputs=4, outputs=3))
    assert work.macs(dense.ops[0], dense) == 12
    relu = read_model(unary("RELU", "float32"))
    assert work.macs(relu.ops[0], relu) is None


@pytest.mark.slow
@pytest.mark.parametrize("delegate", ["cpu", "xnnpack", "gpu", "edgetpu"])
def test_ops_that_lack_tensors_are_predicted_all_the_same(delegate):
    """A file may say anything; every rule is asked of every op with too few inputs, or none."""
    names = [name for name in vars(schema.BuiltinOperator) if name.isupper() and name != "CUSTOM"]
    for name in names:
        for kind in ("float32", "int8", "int16"):
            x = Tensor(kind, IMAGE)
            for inputs in ([], [x], [x, x]):
                for runtime in (TFLITE, LITERT, Runtime("tflite-runtime", "2.9.0")):
                    model = read_model(one(name, inputs, [x]))
                    assert predict(model, delegate, runtime).total == 1
                    work.uncounted(model.ops[0], model)
