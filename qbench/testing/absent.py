"""The fixtures where pytest-benchmark is not installed, or not loaded: they say so."""

from __future__ import annotations

from typing import NoReturn

import pytest


@pytest.fixture
def qbench_cell() -> NoReturn:
    """Fail: there is no pytest-benchmark."""
    _fail()


@pytest.fixture
def qbench() -> NoReturn:
    """Fail: there is no pytest-benchmark."""
    _fail()


def _fail() -> NoReturn:
    pytest.fail("qbench needs pytest-benchmark: pip install 'qbench-tflite[pytest]'", pytrace=False)
