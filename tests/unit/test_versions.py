"""Versions as runtimes and converters really write them."""

from __future__ import annotations

import pytest

from delegates.wire import Runtime
from harness.versions import minor, oldest_limiting, release


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("2.14.0", (2, 14, 0)),
        ("2.15rc1", (2, 15)),
        ("2.15.0-rc1", (2, 15, 0)),
        ("2.3.0.dev20261101", (2, 3, 0)),
        ("2.14.0+board.3", (2, 14, 0)),
        ("2.7.0-vendor-build", (2, 7, 0)),
        ("v2.5", (2, 5)),
        ("", ()),
        ("unknown", ()),
        ("9" * 5000 + ".1", (999_999_999,)),
    ],
)
def test_release(text, numbers):
    assert release(text) == numbers


def test_minor_needs_both_numbers():
    assert [minor(text) for text in ("2.15rc1", "3", "main")] == [(2, 15), None, None]


@pytest.mark.parametrize(("version", "expected"), [("2.15rc1", (2, 15)), ("nightly", None), ("2.7", (2, 7))])
def test_the_oldest_runtime(version, expected):
    assert oldest_limiting([Runtime("ai-edge-litert", "1.0"), Runtime("tflite-runtime", version)]) == expected
