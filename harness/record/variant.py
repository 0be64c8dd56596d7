"""A model and its variants, and how each variant was made."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from harness.record.plain import JsonObject

Side = Literal["base", "head"]
"""The sides of a run with `--against`: HEAD is what `--model` names, BASE is what it is compared with."""


class Quantization(Struct, frozen=True):
    """Quantization parameters: real = (q - zero_point) * scale, per tensor or per slice along `axis`."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None = None  # None: one scale for the whole tensor


class Tensor(Struct, frozen=True):
    """An input or output of a variant."""

    name: str
    dtype: str  # numpy's name, or "string", "resource", "variant", "int4", …
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...] = ()  # -1 where a dimension is dynamic
    quantization: Quantization | None = None


class Converter(Struct, frozen=True):
    """The program that made a variant."""

    name: str
    version: str


class Calibration(Struct, frozen=True):
    """The data that a variant was calibrated on."""

    source: str
    samples: int
    sha256: str | None = None
    generated: bool = False
    how: str | None = None  # how the data was preprocessed: "resized to 96x96, scaled to [0, 1]"


class Warning(Struct, frozen=True):
    """Something to know before trusting a figure. `remedy` says what the user can do about it."""

    code: str
    message: str
    remedy: str | None = None


class Variant(Struct, frozen=True):
    """A .tflite file, identified by its SHA-256, and how it was made."""

    model: str
    name: str = field(name="variant")
    scheme: str | None = None  # detected from the file: float32 float16 dynamic int8_float int8 uint8 …
    sha256: str | None = None
    size_bytes: int | None = None
    source_sha256: str | None = None  # of the model it was made from, or of the file itself if given ready
    converter: Converter | None = None  # None: the user gave a ready .tflite
    settings: JsonObject | None = None  # the converter's
    calibration: Calibration | None = None
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    custom_ops: tuple[str, ...] = ()  # names of ops that TensorFlow Lite does not define
    warnings: tuple[Warning, ...] = ()
    side: Side | None = None
    shape: str | None = None  # as asked for, with the names of its inputs: see Subject
    signature: str | None = None  # as asked for
    evaluation: Evaluation | None = None  # None: there are no labels


class FailedVariant(Struct, frozen=True):
    """A variant that could not be made, with the converter's reason in one line."""

    model: str
    name: str = field(name="variant")
    reason: str
    side: Side | None = None
    shape: str | None = None
    signature: str | None = None


class FidelitySamples(Struct, frozen=True):
    """The samples that outputs are compared on (docs/results.md, "fidelity")."""

    source: str  # as the user gave it, "generate" or "built-in"
    samples: int
    how: Literal["dataset", "held-back", "calibration", "random", "built-in"]
    calibrated_on: int = 0  # how many of a dataset's samples were also used for calibration


SCORES = "scores"  # what is kept of samples that a user's own metric has scored
METRICS = ("top1", "top5", "mse", "mae")  # a user's own is package.module:callable


class Evaluation(Struct, frozen=True):
    """The samples and the metric of a variant's accuracy (docs/accuracy.md)."""

    source: str  # as the user gave it, or "built-in"
    samples: int
    metric: str  # top1, top5, mse, mae, or package.module:callable
    sha256: str | None = None  # of the samples and labels
    how: str | None = None  # how they were made to fit, such as "resized to 96x96, scaled to [0, 1]"
    excluded: int = 0  # samples that were left out because something was calibrated on them
    problem: str | None = None  # why nothing can be evaluated


class Model(Struct, frozen=True):
    """A model as the user named it."""

    name: str
    sha256: str | None = None
    source: str | None = None
    fidelity_samples: FidelitySamples | None = None
    side: Side | None = None
