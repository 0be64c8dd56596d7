"""The fixtures `qbench_cell` and `qbench`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qbench.testing.cells import MeasuredCell
from qbench.testing.hooks import Hooks
from qbench.testing.session import Cells


@pytest.fixture
def qbench_cell(request: pytest.FixtureRequest, benchmark: Any) -> MeasuredCell:
    """The cell that the marker `qbench` of this test names, measured before the first test began."""
    return _cells(request).planned_cell(request.node, benchmark)


@pytest.fixture
def qbench(request: pytest.FixtureRequest, benchmark: Any) -> Callable[..., MeasuredCell]:
    """Measure a cell now: `qbench(model=…, variant=…)`. Arguments left out are those of the markers."""

    def measure(**arguments: Any) -> MeasuredCell:
        return _cells(request).measure_now(request.node, benchmark, arguments)

    return measure


def _cells(request: pytest.FixtureRequest) -> Cells:
    hooks = request.config.pluginmanager.get_plugin("qbench-hooks")
    assert isinstance(hooks, Hooks)
    return hooks.cells
