"""xnnpack: the runtime's built-in XNNPACK delegate."""

from __future__ import annotations

import re
from typing import Any, Dict, Optional, Sequence

from .base import Delegate, refuses_nothing
from .runtime import Opened
from .session import InterpreterSession

# Source: "Limitations and supported operators" of the XNNPACK delegate's README (LiteRT repository).
_FLOAT = frozenset(
    """ABS ADD AVERAGE_POOL_2D CEIL CONCATENATION CONV_2D DEPTH_TO_SPACE DEPTHWISE_CONV_2D DEQUANTIZE DIV ELU
    FULLY_CONNECTED FLOOR HARD_SWISH LEAKY_RELU LOGISTIC MAX_POOL_2D MAXIMUM MEAN MINIMUM MUL NEG PAD PRELU
    QUANTIZE RELU RELU6 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR ROUND SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQRT
    SQUARE SQUARED_DIFFERENCE STRIDED_SLICE SUB TANH TRANSPOSE TRANSPOSE_CONV""".split()
)
_QUANTIZED = frozenset(
    """ADD CONCATENATION CONV_2D DEPTH_TO_SPACE DEPTHWISE_CONV_2D DEQUANTIZE ELU FULLY_CONNECTED LEAKY_RELU
    LOGISTIC MAX_POOL_2D MEAN MUL PAD QUANTIZE RESHAPE RESIZE_BILINEAR SLICE SPACE_TO_DEPTH SPLIT SUB TANH
    TRANSPOSE TRANSPOSE_CONV""".split()
)


def _open(runtime: Opened, model: str, threads: int, options: Dict[str, Any]) -> InterpreterSession:
    resolver = runtime.module.OpResolverType.AUTO
    return InterpreterSession(
        runtime.module.Interpreter(
            model_path=model, num_threads=threads, experimental_op_resolver_type=resolver
        )
    )


def _missing(runtime: Opened) -> Optional[str]:
    if hasattr(runtime.module, "OpResolverType"):
        return None
    return "%s %s is too old to switch XNNPACK on and off" % (runtime.name, runtime.version)


def _why_not(  # noqa: PLR0911  (one return per reason)
    op: str, dtypes: Sequence[str], runtime: str, version: str
) -> Optional[str]:
    """What the delegate's documentation and the builds of its runtimes say about an op left alone."""
    if runtime == "tflite-runtime" and re.match(r"2\.[0-7]\.", version):  # seen of 2.7.0, not of 2.8.0
        return "%s %s hands nothing to XNNPACK by itself; 2.8 and newer do" % (runtime, version)
    if any(kind.startswith("int16") for kind in dtypes):
        return "XNNPACK has no int16 kernels"
    eight_bit = [kind for kind in dtypes if kind in ("int8", "uint8")]
    if eight_bit and runtime == "tflite-runtime":
        return "%s %s has no int8 kernels in XNNPACK; ai-edge-litert has" % (runtime, version)
    if not eight_bit and "int8 weights" in dtypes and op == "DEPTHWISE_CONV_2D":
        return "no kernel in XNNPACK for int8 weights with float inputs"
    if "int8 weights" in dtypes and runtime == "tflite-runtime":
        return "%s %s has no XNNPACK kernels for int8 weights with float inputs; ai-edge-litert has" % (
            runtime,
            version,
        )
    if op == "QUANTIZE" and len(set(eight_bit)) == 2:
        return "XNNPACK does not convert between int8 and uint8"
    if eight_bit and op not in _QUANTIZED:
        return "no %s kernel in XNNPACK" % eight_bit[0]
    if not eight_bit and op not in _FLOAT:
        return "no kernel in XNNPACK"
    return None


DELEGATE = Delegate("xnnpack", refuses_nothing, _open, _why_not, _missing, on_cpu=True)
