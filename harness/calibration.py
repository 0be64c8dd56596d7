"""Representative data: arrays, images, callables or generated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Calibration:
    """Samples for the converter and for comparing outputs, checked against the model's inputs.

    `path` is an .npz: one array per input, named as the model names its inputs, shape (samples, *input
    shape without the batch dimension), real (not quantized) values.
    """

    source: str  # as the user gave it, "generate", or "built-in"
    samples: int
    sha256: str
    path: Path
    generated: bool
    how: str | None = None  # how the data was made to fit, e.g. "resized to 96x96, scaled to [0, 1]"
