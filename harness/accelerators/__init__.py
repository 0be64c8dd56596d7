"""Delegates as the user's machine knows them: one file or folder for each.

An accelerator has the delegate's options, the rules that predict which ops it runs, its compiler, and its
name in sentences. What runs on the device is in delegates/backends/.
"""

from __future__ import annotations

from delegates.wire import Runtime
from harness.accelerators.base import Accelerator, CompiledFile, Compiler, OverSsh
from harness.accelerators.compiling import find_compilers
from harness.accelerators.options import check_options
from harness.accelerators.prediction import (
    OpVerdict,
    Prediction,
    Refusal,
    Verdict,
    all_alike,
    expected,
    joined,
)
from harness.accelerators.registry import ACCELERATORS, barring, label
from harness.record import ExpectedOps
from harness.record.plain import JsonObject
from harness.tflite import ModelInfo

__all__ = [
    "ACCELERATORS",
    "Accelerator",
    "CompiledFile",
    "Compiler",
    "OpVerdict",
    "OverSsh",
    "Prediction",
    "Refusal",
    "Verdict",
    "all_alike",
    "barring",
    "check_options",
    "expected",
    "expected_of",
    "find_compilers",
    "joined",
    "label",
    "predict",
]


def predict(
    model: ModelInfo, delegate: str, runtime: Runtime, options: JsonObject | None = None
) -> Prediction:
    """Predict which ops of a model a delegate will run. Raises KeyError for an unknown delegate."""
    return ACCELERATORS[delegate].predict(model, runtime, options)


def expected_of(
    model: ModelInfo, delegate: str, runtime: Runtime, options: JsonObject | None = None
) -> ExpectedOps | None:
    """Return what the rules say of a model's ops; None if it can't be predicted."""
    try:
        return expected(predict(model, delegate, runtime, options), model)
    except Exception:
        return None
