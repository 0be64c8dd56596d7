"""The converter settings of the seven standard variants.

Sources: TensorFlow Lite's post-training quantization guides ("Post-training dynamic range", "float16",
"integer" and "integer quantization with int16 activations"). As there, int16x8 keeps float inputs and
outputs; int8 and uint8 are integer from end to end.
"""

from __future__ import annotations

from harness.config.profiles import VariantSpec

_INT16X8 = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"


def _integer_only(dtype: str) -> VariantSpec:
    return VariantSpec(
        dtype,
        optimizations=("DEFAULT",),
        supported_ops=("TFLITE_BUILTINS_INT8",),
        inference_input_type=dtype,
        inference_output_type=dtype,
        needs_calibration=True,
    )


STANDARD: tuple[VariantSpec, ...] = (
    VariantSpec("float32"),
    VariantSpec("float16", optimizations=("DEFAULT",), supported_types=("float16",)),
    VariantSpec("dynamic", optimizations=("DEFAULT",)),
    VariantSpec(
        "int8_float",
        optimizations=("DEFAULT",),
        supported_ops=("TFLITE_BUILTINS_INT8", "TFLITE_BUILTINS"),
        needs_calibration=True,
    ),
    _integer_only("int8"),
    _integer_only("uint8"),
    VariantSpec("int16x8", optimizations=("DEFAULT",), supported_ops=(_INT16X8,), needs_calibration=True),
)
