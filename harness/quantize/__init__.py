"""Make and cache the quantized variants of a model. TensorFlow runs only in child processes."""

from harness.quantize.exporting import export_variants
from harness.quantize.making import make_variants
from harness.quantize.variants import EvaluationSet, MadeVariant, VariantSet

__all__ = ["EvaluationSet", "MadeVariant", "VariantSet", "export_variants", "make_variants"]
