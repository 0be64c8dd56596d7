"""Warnings about a variant, shown beside its figures."""

from __future__ import annotations

from harness.config import VariantSpec
from harness.models import Kind
from harness.quantize.backends.tflite_converter.results import ConversionResult, Version
from harness.quantize.calibration import Samples
from harness.record import Warning

_RANDOM_WEIGHTS = Warning(
    "random-weights",
    "the weights are random: latency and size are real, accuracy and calibration are not",
)
_GENERATED = Warning(
    "generated-calibration",
    "calibrated on random data: latency and size are real, accuracy is not; give --calibration",
)


def warnings_of(
    kind: Kind,
    spec: VariantSpec,
    calibration: Samples | None,
    result: ConversionResult,
    oldest: Version | None,
) -> tuple[Warning, ...]:
    """Return a variant's warnings: notes on its settings, limits of its figures, its runtimes."""
    warnings = [Warning("note", note) for note in spec.notes]
    if kind == "application":
        warnings.append(_RANDOM_WEIGHTS)
    if calibration is not None and calibration.generated:
        warnings.append(_GENERATED)
    if result.compatible or result.too_new:
        warnings.append(_form(result, ".".join(str(part) for part in oldest or ())))
    return tuple(warnings)


def _form(result: ConversionResult, oldest: str) -> Warning:
    if result.too_new:
        return Warning("too-new", f"needs runtime {result.too_new} or newer: {oldest} will refuse it")
    form = "one scale per dense layer instead of one per channel"
    return Warning("compatible-form", f"made with {form}, because runtime {oldest} cannot run the usual form")
