"""Messages between qbench and a converter process: one JSON object per line."""

from __future__ import annotations

import json

import msgspec
from msgspec import Struct

from harness.quantize.calibration.samples import InputSpec
from harness.record.shapes import Shapes


class Settings(Struct, frozen=True):
    """The settings of the converter, in its own terms. They are part of a result's cache key."""

    optimizations: tuple[str, ...] = ()
    supported_ops: tuple[str, ...] = ()
    supported_types: tuple[str, ...] = ()
    inference_input_type: str | None = None
    inference_output_type: str | None = None


class Wanted(Struct, frozen=True):
    """What the canonical model has: the size of open batches, shapes of inputs, one of the signatures."""

    batch: int = 1
    shapes: Shapes = ()
    signature: str | None = None


class Prepare(Struct, frozen=True, tag="prepare"):
    """Write a model as the canonical SavedModel (see `tracing`) to `out`. Answer: `Prepared`."""

    kind: str  # a models.Kind
    source: str  # as the user named it
    path: str | None
    wanted: Wanted
    cache: str
    out: str
    trust: bool  # run code in the model's file
    tree: tuple[str, str, str] | None = None  # an OtherTree that a callable has to be imported from


class Convert(Struct, frozen=True, tag="convert"):
    """Convert the canonical SavedModel and write the .tflite to `out`. Answer: `Converted`."""

    saved_model: str
    inputs: tuple[InputSpec, ...]
    settings: Settings
    calibration: str | None  # an .npz in the form of Samples.path
    compatible: bool  # the form that older runtimes load
    out: str


class Prepared(Struct, frozen=True, tag="prepared"):
    """The canonical SavedModel is written."""

    inputs: tuple[InputSpec, ...]
    values: str  # SHA-256 of its variables and constants
    structure: str  # SHA-256 of its graph
    recurrent: tuple[str, ...] = ()  # names of Keras layers that are loops in it
    shape: str | None = None  # the shapes asked for, with the names of their inputs


class Converted(Struct, frozen=True, tag="converted"):
    """The .tflite is written."""


class Failed(Struct, frozen=True, tag="failed"):
    """The request failed, for a reason in one line."""

    reason: str
    final: bool = False  # the converter rejects the model: it would fail again


Request = Prepare | Convert
Answer = Prepared | Converted | Failed


def encode(message: Request | Answer) -> bytes:
    """Convert a message to one line of ASCII: names of files may hold bytes that are not UTF-8."""
    return json.dumps(msgspec.to_builtins(message)).encode("ascii") + b"\n"


def decode_request(line: bytes) -> Request:
    """Read a request."""
    request: Request = msgspec.convert(json.loads(line), Request)
    return request


def decode_answer(line: bytes) -> Answer:
    """Read a converter process's answer."""
    answer: Answer = msgspec.convert(json.loads(line), Answer)
    return answer
