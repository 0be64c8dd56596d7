"""How many inputs, and which: `pytest tests/fuzz --fuzz 100000 --seed 1` is the long form."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import qbench  # noqa: F401  (a fixture)


@pytest.fixture
def inputs(pytestconfig) -> Callable[[int], int]:
    """The number of inputs: that of --fuzz, else the one of the test's short form."""
    return lambda few: few if pytestconfig.getoption("--fuzz") is None else pytestconfig.getoption("--fuzz")


@pytest.fixture
def seed(pytestconfig) -> int:
    return pytestconfig.getoption("--seed")


@pytest.fixture(autouse=True)
def kept_here(tmp_path, monkeypatch):
    """An input that fails is kept in the test's own folder."""
    monkeypatch.chdir(tmp_path)
