"""Detect the quantization scheme of a .tflite from the types of its tensors."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from harness.tflite.model import OpInfo, TensorInfo

_BORDER_OPS = ("QUANTIZE", "DEQUANTIZE")  # they only change the type
_FLOATS = frozenset({"float32", "float16", "bfloat16", "float64"})
_SMALL_INTS = frozenset({"int8", "uint8", "int16"})
_PACKED = frozenset({"int4", "uint4", "int2"})


def detect_scheme(
    ops: Sequence[OpInfo],
    tensors: Sequence[TensorInfo],
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
) -> str:
    """Return the scheme: float32 float16 dynamic int8_float int8 uint8 int16x8 or mixed.

    Activations are the non-constant tensors at ops other than QUANTIZE and DEQUANTIZE; an integer type
    counts if the tensor has a scale (an index or a length has none). Then, in this order:

    - float activations only: `dynamic` with integer weights, `float16` with 16-bit float weights or
      activations, `float32` with neither, `mixed` with both;
    - int16 activations (float ones beside them allowed): `int16x8`;
    - int8 activations: `int8` or `uint8` where all inputs and outputs are of that type, `int8_float`
      where all are float (float activations beside them allowed), else `mixed`;
    - uint8 activations with inputs and outputs in uint8: `uint8` (the asymmetric models of TensorFlow 1);
    - anything else is `mixed`: a uint8 input with a float output is neither integer only nor float I/O.

    Inputs and outputs of other types (token ids, class numbers, flags) don't count.
    """
    constants = {t.dtype for t in tensors if t.constant and _counts(t)}
    activations = _activations(ops, tensors)
    borders = {t.dtype for t in (*inputs, *outputs)} & (_FLOATS | _SMALL_INTS)
    if not activations:  # only QUANTIZE and DEQUANTIZE, or nothing that has real values
        activations = {t.dtype for t in (*inputs, *outputs) if _counts(t)}
    if activations and activations <= _FLOATS:
        return _float_scheme(activations, constants)
    if "int16" in activations and activations <= _FLOATS | {"int16"}:
        return "int16x8"
    return _integer_scheme(activations, borders)


def _activations(ops: Sequence[OpInfo], tensors: Sequence[TensorInfo]) -> set[str]:
    touched = {i for op in ops if op.name not in _BORDER_OPS for i in (*op.inputs, *op.outputs)}
    return {tensors[i].dtype for i in touched if not tensors[i].constant and _counts(tensors[i])}


def _counts(tensor: TensorInfo) -> bool:
    """Return True if the tensor stands for real values."""
    if tensor.dtype in _FLOATS:
        return True
    return tensor.dtype in _SMALL_INTS | _PACKED and tensor.quantization is not None


def _float_scheme(activations: Collection[str], constants: Collection[str]) -> str:
    integer = bool((_SMALL_INTS | _PACKED) & set(constants))
    half = bool({"float16", "bfloat16"} & {*activations, *constants})
    if integer and half:
        return "mixed"
    return "dynamic" if integer else "float16" if half else "float32"


def _integer_scheme(activations: Collection[str], borders: Collection[str]) -> str:
    kinds, ends = set(activations), set(borders)
    if "int8" in kinds and kinds <= _FLOATS | {"int8"} and ends and ends <= _FLOATS:
        return "int8_float"
    if kinds == {"int8"} and ends <= {"int8"}:
        return "int8"
    if kinds in ({"int8"}, {"uint8"}, {"int8", "uint8"}) and ends == {"uint8"}:
        return "uint8"
    return "mixed"
