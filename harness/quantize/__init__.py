"""PTQ variants of a model, cached by content; TensorFlow runs only in processes of its own."""

from harness.quantize.exporting import export_variants
from harness.quantize.making import make_variants
from harness.quantize.variants import MadeVariant, VariantSet

__all__ = ["MadeVariant", "VariantSet", "export_variants", "make_variants"]
