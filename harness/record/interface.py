"""The interface of a variant, its inputs and outputs: the same for all variants of one model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.record.variant import Tensor, Variant

Values = tuple[tuple[str, tuple[int, ...]], ...]  # kind and shape of each tensor, sorted
Interface = tuple[Values, Values]  # inputs and outputs

_REAL = re.compile(r"b?float\d+|u?int(4|8|16)")  # what quantization may make of real values


def interface(variant: Variant) -> Interface:
    """Return the kinds and shapes of a variant's inputs and outputs, to compare with another variant's.

    Names, order, quantization and leading dimensions of size 1 are ignored.
    """
    return _values(variant.inputs), _values(variant.outputs)


def _values(tensors: Sequence[Tensor]) -> Values:
    return tuple(sorted((_kind(tensor.dtype), _without_leading_ones(tensor.shape)) for tensor in tensors))


def _kind(dtype: str) -> str:
    return "real" if _REAL.fullmatch(dtype) else re.sub(r"u?int\d+", "integer", dtype)


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    first = next((index for index, size in enumerate(shape) if size != 1), len(shape))
    return shape[first:]
