"""Reading .tflite files: what is in them, and that no nonsense gets past ModelError."""

from __future__ import annotations

import random
import time

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from harness.errors import ModelError
from harness.record import Quantization
from harness.tflite import read_model, read_model_file
from tests.dequantize import dequantize
from tests.models import dense_model, pack
from tests.ops import Tensor, one

PER_TENSOR = ([0.5], [3])
T = schema.TensorType
B = schema.BuiltinOperator


def make_tensor(name, dtype, shape, *, quantization=None, axis=0, buffer=0):
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.shape, tensor.buffer = name, dtype, shape, buffer
    if quantization:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = quantization
        tensor.quantization.quantizedDimension = axis
    return tensor


def make_op(code, inputs, outputs, version=1, custom=None):
    return (code, inputs, outputs, version, custom)


def build(tensors, ops, inputs, outputs, buffers=(), metadata=()):
    """A .tflite; buffer 0 is the empty one, `buffers` follow it."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.description, model.subgraphs = 3, "made by a test", [graph]
    model.operatorCodes, graph.operators, model.metadata = [], [], []
    graph.tensors, graph.inputs, graph.outputs = tensors, inputs, outputs
    for index, (number, op_inputs, op_outputs, version, custom) in enumerate(ops):
        code, op = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
        code.version, code.customCode = version, custom
        op.opcodeIndex, op.inputs, op.outputs = index, op_inputs, op_outputs
        model.operatorCodes.append(code)
        graph.operators.append(op)
    model.buffers = [schema.BufferT()]
    for data in (*buffers, *(value for _, value in metadata)):
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        model.buffers.append(buffer)
    for index, (key, _) in enumerate(metadata):
        entry = schema.MetadataT()
        entry.name, entry.buffer = key, 1 + len(buffers) + index
        model.metadata.append(entry)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def dense(activation, weights, border=None):
    """x -> FULLY_CONNECTED -> y; with `border`, a QUANTIZE on each side of it."""
    quantized = {T.INT8, T.UINT8, T.INT16, T.INT4}
    width = {T.FLOAT32: 4, T.FLOAT16: 2}.get(weights, 1)

    def tensor(name, dtype, shape, **more):
        return make_tensor(
            name, dtype, shape, quantization=PER_TENSOR if dtype in quantized else None, **more
        )

    tensors = [
        tensor("x", activation, [1, 4]),
        tensor("w", weights, [2, 4], buffer=1),
        tensor("y", activation, [1, 2]),
    ]
    ops = [make_op(B.FULLY_CONNECTED, [0, 1, -1], [2], version=4)]
    inputs, outputs = [0], [2]
    if weights == T.FLOAT16:  # float kernels take float32: the converter puts a DEQUANTIZE before them
        tensors.append(tensor("w32", T.FLOAT32, [2, 4]))
        ops = [make_op(B.DEQUANTIZE, [1], [3]), make_op(B.FULLY_CONNECTED, [0, 3, -1], [2])]
    if border is not None:
        first = len(tensors)
        tensors += [tensor("in", border, [1, 4]), tensor("out", border, [1, 2])]
        ops = [make_op(B.QUANTIZE, [first], [0]), *ops, make_op(B.DEQUANTIZE, [2], [first + 1])]
        inputs, outputs = [first], [first + 1]
    return build(
        tensors, ops, inputs, outputs, [bytes(8 * width)], [("min_runtime_version", b"2.17.0" + bytes(10))]
    )


@pytest.mark.parametrize(
    ("scheme", "activation", "weights", "border"),
    [
        ("float32", T.FLOAT32, T.FLOAT32, None),
        ("float16", T.FLOAT32, T.FLOAT16, None),
        ("dynamic", T.FLOAT32, T.INT8, None),
        ("int8_float", T.INT8, T.INT8, T.FLOAT32),
        ("int8", T.INT8, T.INT8, None),
        ("uint8", T.INT8, T.INT8, T.UINT8),
        ("uint8", T.UINT8, T.UINT8, None),
        ("int16x8", T.INT16, T.INT8, T.FLOAT32),
        ("int16x8", T.INT16, T.INT8, None),
        ("mixed", T.UINT8, T.UINT8, T.FLOAT32),
        ("mixed", T.INT8, T.INT8, T.INT16),
    ],
)
def test_scheme(scheme, activation, weights, border):
    assert read_model(dense(activation, weights, border)).scheme == scheme


def test_what_is_inside():
    info = read_model(dense(T.FLOAT32, T.INT8))
    assert [(op.name, op.version, op.custom, op.inputs, op.outputs) for op in info.ops] == [
        ("FULLY_CONNECTED", 4, False, (0, 1), (2,))
    ]
    assert [(t.name, t.dtype, t.shape, t.constant) for t in info.tensors] == [
        ("x", "float32", (1, 4), False),
        ("w", "int8", (2, 4), True),
        ("y", "float32", (1, 2), False),
    ]
    assert info.tensors[1].quantization == Quantization((0.5,), (3,), None)
    assert (info.inputs, info.outputs) == ((info.tensors[0],), (info.tensors[2],))
    assert (info.min_runtime_version, info.description, info.subgraphs) == ("2.17.0", "made by a test", 1)


def test_codes_over_127_and_custom_ops():
    tensors = [make_tensor(name, T.FLOAT32, [1]) for name in "xyz"]
    ops = [make_op(B.GELU, [0], [1]), make_op(B.CUSTOM, [1], [2], custom="my-op")]
    info = read_model(build(tensors, ops, [0], [2]))
    assert [(op.name, op.custom) for op in info.ops] == [("GELU", False), ("my-op", True)]


def test_per_axis_and_dynamic_shape():
    weights = make_tensor("w", T.INT8, [2, 4], quantization=([0.5, 0.25], [0, 0]), axis=1)
    weights.shapeSignature = [-1, 4]
    tensor = read_model(build([weights], [], [0], [0])).tensors[0]
    assert tensor.quantization == Quantization((0.5, 0.25), (0, 0), 1)
    assert (tensor.shape, tensor.shape_signature) == ((2, 4), (-1, 4))


def test_data_behind_the_flatbuffer_is_constant():
    """Models over 2 GB: a buffer says where in the file its data lie."""
    model = schema.ModelT.InitFromPackedBuf(dense(T.FLOAT32, T.FLOAT32), 0)

    def packed(offset):
        model.buffers[1].data, model.buffers[1].offset, model.buffers[1].size = None, offset, 32
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    size = len(packed(1000))
    assert read_model(packed(size) + bytes(32)).tensors[1].constant
    with pytest.raises(ModelError, match="buffer 1 reaches past the end of the file"):
        read_model(packed(size) + bytes(31))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (b"TFL3", 'the identifier "TFL3" is missing'),
        (b"\x89HDF\r\n\x1a\n" + bytes(500), 'the identifier "TFL3" is missing'),
        (b"\xff\xff\xff\xffTFL3" + bytes(500), "points outside the file"),
        (b"\x08\0\0\0TFL3", "points outside the file"),
    ],
)
def test_not_a_model(tmp_path, data, complaint):
    path = tmp_path / "broken.tflite"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=complaint) as caught:
        read_model_file(path)
    assert str(caught.value).startswith(f"{path}: not a valid .tflite: ")
    assert "\n" not in str(caught.value)


def with_signature(data: bytes) -> bytes:
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    signature, entry = schema.SignatureDefT(), schema.TensorMapT()
    signature.signatureKey, entry.name, entry.tensorIndex = "the key", "the entry", 0
    signature.inputs, model.signatureDefs = [entry], [signature]
    return pack(model)


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        (b"input", "tensor 0"),
        (b"the key", "signature 0"),
        (b"the entry", "one of the inputs of signature 0"),
    ],
)
def test_a_name_that_is_not_utf_8(name, whose):
    """Runtimes end in "'utf-8' codec can't decode byte 0x80"."""
    data = with_signature(dense_model(seed=1))
    read_model(data)
    with pytest.raises(ModelError) as caught:
        read_model(data.replace(name, b"\x80" + name[1:]), "x.tflite")
    assert str(caught.value) == f"x.tflite: not a valid .tflite: the name of {whose} is not UTF-8"


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"no\.tflite: cannot be read: No such file"):
        read_model_file(tmp_path / "no.tflite")


def test_wrong_size_of_data():
    tensors = [make_tensor("w", T.FLOAT32, [3], buffer=1)]
    with pytest.raises(ModelError, match=r"tensor 0 \('w'\) has 8 bytes of data, and float32\[3\] takes 12"):
        read_model(build(tensors, [], [0], [0], [bytes(8)]))


def test_every_truncation_is_refused():
    data = dense(T.INT8, T.INT8, T.FLOAT32)
    for length in range(len(data)):
        with pytest.raises(ModelError):
            read_model(data[:length])


def test_flipped_bytes_end_in_an_answer_or_a_model_error():
    sound = dense(T.INT8, T.INT8, T.FLOAT32)
    rng, refused = random.Random(7), 0  # noqa: S311 - no secrets here
    started = time.perf_counter()
    for _ in range(3000):
        data = bytearray(sound)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(8, len(data))] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        try:
            read_model(bytes(data))
        except ModelError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 300
    assert time.perf_counter() - started < 30


def test_dequantize_agrees_with_the_runtimes_own_op():
    check_dequantize(([0.037], [-5]), None)
    check_dequantize(([0.1, 0.02, 3.0], [0, 0, 0]), 1)


def check_dequantize(quantization, axis):
    tensors = [
        make_tensor("q", T.INT8, [2, 3], quantization=quantization, axis=axis or 0),
        make_tensor("real", T.FLOAT32, [2, 3]),
    ]
    data = build(tensors, [make_op(B.DEQUANTIZE, [0], [1], version=5)], [0], [1])
    values = np.array([[-128, -1, 0], [1, 64, 127]], np.int8)
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, values)
    interpreter.invoke()
    info = read_model(data)
    assert info.inputs[0].quantization is not None
    assert info.inputs[0].quantization.axis == axis
    ours = dequantize(values, info.inputs[0].quantization)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, interpreter.get_tensor(1), rtol=1e-6)


def test_dequantize_by_hand():
    per_tensor = dequantize(np.array([0, 128, 255], np.uint8), Quantization((0.5,), (128,), None))
    assert per_tensor.tolist() == [-64.0, 0.0, 63.5]
    per_axis = dequantize(np.array([[2, 2], [3, 3]]), Quantization((0.5, 2.0), (0, 1), 0))
    assert per_axis.tolist() == [[1.0, 1.0], [4.0, 4.0]]
    with pytest.raises(ValueError, match="2 scales for shape"):
        dequantize(np.zeros((3, 4)), Quantization((0.5, 2.0), (0, 0), 0))


NETS = {
    "resnet": ("float32", 16),
    "resnet_int8": ("int8", 16),
    "resnet_int8_edgetpu": ("int8", 1),
    "partly_int8_edgetpu": ("int8", 3),
    "autoencoder": ("float32", 5),
    "autoencoder_int8": ("int8", 5),
    "dynamic": ("dynamic", 1),
    "custom": ("float32", 1),
}


@pytest.mark.parametrize("name", NETS)
def test_whole_nets(nets, name):
    info = read_model_file(nets / f"{name}.tflite")
    assert (info.scheme, len(info.ops)) == NETS[name]


@pytest.mark.parametrize("name", [name for name in NETS if "edgetpu" not in name and name != "custom"])
def test_the_runtime_sees_the_same(nets, name):
    """Tensors, their quantization and the order of ops, against ai-edge-litert's interpreter."""
    info = read_model_file(nets / f"{name}.tflite")
    interpreter = Interpreter(model_path=str(nets / f"{name}.tflite"))
    for tensor, detail in zip(info.tensors, interpreter.get_tensor_details(), strict=False):
        assert (tensor.name, tensor.dtype) == (detail["name"], np.dtype(detail["dtype"]).name)
        assert tensor.shape == tuple(detail["shape"])
        scales = tensor.quantization.scales if tensor.quantization else ()
        np.testing.assert_allclose(scales, detail["quantization_parameters"]["scales"])
    nodes = [op["op_name"] for op in interpreter._get_ops_details() if op["op_name"] != "DELEGATE"]
    assert [op.name for op in info.ops] == nodes


def test_options_and_small_constants_are_read():
    mean = one(
        "MEAN",
        [Tensor("float32", [1, 4, 4, 2]), Tensor("int32", [2], [1, -2])],
        [Tensor("float32", [1, 1, 1, 2])],
        {"keepDims": True},
    )
    model = read_model(mean)
    assert model.ops[0].options == {"KeepDims": True}
    assert [tensor.values for tensor in model.tensors] == [None, (1, -2), None]
    assert model.size_bytes == len(mean)


def test_large_integer_constants_are_left_in_the_file():
    gather = one(
        "GATHER", [Tensor("float32", [9]), Tensor("int32", [900], 3)], [Tensor("float32", [900])], {}
    )
    assert read_model(gather).tensors[1].values is None
