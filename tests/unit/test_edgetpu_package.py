"""Packages inside compiled models: read as they are documented, and never trusted."""

from __future__ import annotations

import dataclasses
import random

import pytest

from harness.tflite import ModelInfo, OpInfo, read_model, read_model_file
from harness.tflite.edgetpu_package import CUSTOM_OP, is_compiled, packages
from tests.models import dense_model
from tests.nets import CACHED_BYTES, STREAMED_BYTES


@pytest.fixture
def compiled(nets) -> ModelInfo:
    return read_model_file(nets / "partly_int8_edgetpu.tflite")


def with_options(model: ModelInfo, options: bytes) -> ModelInfo:
    op = OpInfo(CUSTOM_OP, 1, True, (), (), custom_options=options)
    return dataclasses.replace(model, ops=(op,))


def test_a_plain_model_has_none():
    model = read_model(dense_model(1))
    assert not is_compiled(model) and packages(model) == []


def test_a_package_as_documented(compiled):
    (package,) = packages(compiled)
    assert is_compiled(compiled)
    assert (package.op, package.min_runtime_version, package.problem) == (0, 12, None)
    assert (package.cached_bytes, package.streamed_bytes) == (CACHED_BYTES, STREAMED_BYTES)
    kinds = {(e.type, e.chip) for e in package.executables}
    assert kinds == {("EXECUTION_ONLY", "beagle"), ("PARAMETER_CACHING", "beagle")}


@pytest.mark.parametrize("options", [b"", b"\0", b"\xff" * 40, b"DWN1" * 10, bytes(1000)])
def test_nonsense_is_said(options):
    (package,) = packages(with_options(read_model(dense_model(1)), options))
    assert package.problem and "\n" not in package.problem


def test_damaged_packages_are_read_or_refused(compiled):
    options = next(op.custom_options for op in compiled.ops if op.custom)
    dice = random.Random(1)  # noqa: S311
    for _ in range(40):
        damaged = bytearray(options if dice.random() < 0.7 else options[: dice.randrange(len(options))])
        for _ in range(dice.randrange(1, 20)):
            if damaged:  # mostly near the ends, where the tables lie
                near = dice.choice((0, max(0, len(damaged) - 4000)))
                place = min(len(damaged) - 1, near + dice.randrange(4000))
                damaged[place] = dice.randrange(256)
        (package,) = packages(with_options(compiled, bytes(damaged)))
        assert package.problem is None or len(package.problem) < 300
