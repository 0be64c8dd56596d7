"""Samples in a file, and the inputs of the model that they are for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from harness.record import Calibration, Quantization


@dataclass(frozen=True)
class InputSpec:
    """An input of a model.

    dtype: numpy's name. shape: with the batch dimension first. quantization: with one, samples are real
    values and not of `dtype`.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    quantization: Quantization | None = None


def short_name(name: str) -> str:
    """Return the signature's name of an input that the converter calls `serving_default_NAME:0`."""
    return re.sub(r"^serving_default_|:\d+$", "", name)


@dataclass(frozen=True)
class Samples:
    """Samples that fit the inputs of a model, for calibration or for comparing outputs.

    path: an .npz with one array per input, named as the model names its inputs, of shape (samples, *input
    shape without the batch dimension). Values are real (not quantized): float32, or the input's own type if
    it holds whole numbers (token ids, raw pixels) or booleans.
    """

    source: str  # as the user gave it, "generate", or "built-in"
    samples: int
    sha256: str
    path: Path
    generated: bool
    how: str | None = None  # how the data was made to fit, such as "resized to 96x96, scaled to [0, 1]"

    @property
    def record(self) -> Calibration:
        """The calibration data as a run records it."""
        return Calibration(self.source, self.samples, self.sha256, self.generated, self.how)
