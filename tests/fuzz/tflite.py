"""Fuzz the reader of .tflite files, and all that looks at what it read, with mutated models.

Each input is read, described, predicted for every delegate and printed. A ModelError of one clear line is
the only exception allowed; the CPU time of each input is limited. What fails is kept in `fuzz-input.tflite`.
"""

from __future__ import annotations

import io
import json
import random
import re
import struct
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.accelerators import ACCELERATORS
from harness.analysis.compat import inspect
from harness.analysis.compat.targets import KNOWN, Target
from harness.config import DelegateSpec, DeviceProfile
from harness.errors import ModelError
from harness.report.inspection import render
from harness.tflite import read_model
from tests.models import dense_model, dynamic_model, int64_model
from tests.ops import Tensor, one

MOST_SECONDS = 2.0  # of CPU time for one input, on a machine that is busy
WORDS = (0, 1, 4, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)


def sound_models() -> list[bytes]:
    """Small models with all that a file can hold: constants, scales per axis, options, custom options."""
    image, weights = Tensor("int8", [1, 8, 8, 4]), Tensor("int8", [4, 3, 3, 4], 1, (0.5,) * 4)
    bias, out = Tensor("int32", [4], 1), Tensor("int8", [1, 8, 8, 4])
    options = {"strideW": 1, "strideH": 1, "dilationWFactor": 1, "dilationHFactor": 1}
    vector = Tensor("float32", [1, 16])
    return [
        dense_model(seed=1),
        dynamic_model(),
        int64_model(),
        one("CONV_2D", [image, weights, bias], [out], options),
        one(
            "RESHAPE",
            [vector, Tensor("int32", [2], [4, 4])],
            [Tensor("float32", [4, 4])],
            {"newShape": [4, 4]},
        ),
        one("MEAN", [image, Tensor("int32", [2], [1, 2])], [Tensor("int8", [1, 4])], {"keepDims": False}),
        one("edgetpu-custom-op", [image], [out]),
    ]


def mutated(model: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """The model with bytes or words changed, or parts removed, repeated or from elsewhere."""
    data = bytearray(model)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        _change(data, others, chance)
        if not data:
            break
    return bytes(data)


def _change(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.choice((1, 4, 16, 200)))
    what = chance.randrange(8)
    if what == 0:
        del data[start:]
    elif what == 1:
        del data[start:end]
    elif what == 2:
        data[start:start] = data[start:end] * chance.choice((1, 2, 50))
    elif what == 3:
        other = chance.choice(others)
        place = chance.randrange(len(other))
        data[start:end] = other[place : place + end - start]
    elif what == 4:
        data[start] ^= 1 << chance.randrange(8)
    elif what == 5:
        data[start:end] = bytes(end - start)
    else:  # offsets, lengths and enumerations are aligned words
        start -= start % 4
        word = chance.choice((*WORDS, chance.randrange(2 * len(data)), chance.getrandbits(32)))
        data[start : start + 4] = struct.pack("<I", word)


def look_at(data: bytes, targets: Sequence[Target]) -> str:
    """All that `qbench inspect` does with a file. Returns how it ended: "read", or the complaint's kind."""
    try:
        model = read_model(data, "fuzz.tflite")
    except ModelError as error:
        text = str(error)
        assert text.startswith("fuzz.tflite: not a valid .tflite: "), text
        assert text.isprintable() and len(text) < 300, text
        return re.sub(r"\('.*'\)|-?\d+|\[.*\]", "…", text.split(": ", 2)[2])
    inspection = inspect("fuzz.tflite", model, targets)
    render(inspection, Console(file=io.StringIO(), width=80, markup=False))
    json.dumps(inspection.to_json(), allow_nan=False)
    return "read"


def fuzz(inputs: int, seed: int, models: Sequence[bytes]) -> Counter[str]:
    """Look at so many mutated models. Returns how often each ending came; raises what nobody should see."""
    chance, ends = random.Random(seed), Counter[str]()
    device = DeviceProfile("fuzz", tuple(DelegateSpec(name) for name in ACCELERATORS if name != "external"))
    targets = [Target(device, KNOWN, "assumed")]
    for model in models:
        look_at(model, targets)  # what is imported or cached once is no part of an input's time
    for _ in range(inputs):
        data = mutated(chance.choice(models), models, chance)
        started = time.process_time()
        try:
            ends[look_at(data, targets)] += 1
            taken = time.process_time() - started
            assert taken < MOST_SECONDS + len(data) / 1e6, f"took {taken:.1f} s of CPU time"
        except BaseException:
            Path("fuzz-input.tflite").write_bytes(data)
            raise
    return ends
