"""The cells of one session of pytest: which are wanted, and what became of them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import ConfigError, QbenchError
from qbench.testing import marks, reporting
from qbench.testing.cells import MeasuredCell
from qbench.testing.marks import Wanted
from qbench.testing.measuring import Problem, Result, Setup, measure
from qbench.testing.outcomes import check_measured, end
from qbench.testing.settings import Settings

if TYPE_CHECKING:
    from harness.config import Config, DeviceProfile

SHARED = "qbench_folder"  # key of what the controller of pytest-xdist tells its workers


class Cells:
    """The cells that the tests of a session ask for. Of pytest-xdist's processes, each has its own."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.settings = settings
        self.wrong: dict[str, str] = {}  # by node id, as is the next one
        self._config = config
        self._planned: dict[str, Wanted] = {}
        self._results: dict[Wanted, Result] = {}

    def plan(self, item: pytest.Item) -> None:
        """Note the cell that an item's markers name, or what is wrong with them."""
        try:
            self._planned[item.nodeid] = self._wanted(item, {})
        except QbenchError as error:
            self.wrong[item.nodeid] = str(error)

    def measure(self) -> None:
        """Measure all cells that were planned."""
        if self._planned:
            shared = self.scratch if self.is_worker else None
            self._results = measure(self._planned.values(), self._setup, shared)

    def planned_cell(self, item: pytest.Item, benchmark: Any) -> MeasuredCell:
        """Return the cell of a test's markers, or end the test."""
        if item.nodeid in self.wrong:
            end(self.wrong[item.nodeid], skip=False)
        wanted = self._planned.get(item.nodeid)
        if wanted is None:  # the test asks for the fixture while it runs
            return self.measure_now(item, benchmark, {})
        return self._given(item, benchmark, self._results[wanted])

    def measure_now(self, item: pytest.Item, benchmark: Any, given: Mapping[str, Any]) -> MeasuredCell:
        """Measure one cell while a test runs, or end the test."""
        capture: Any = self._config.pluginmanager.get_plugin("capturemanager")
        try:
            wanted = self._wanted(item, given)
        except QbenchError as error:
            end(str(error), skip=False)
        with capture.global_and_fixture_disabled():
            results = measure([wanted], self._setup)
        return self._given(item, benchmark, results[wanted])

    @property
    def is_worker(self) -> bool:
        """Whether this process is one of pytest-xdist's workers."""
        return hasattr(self._config, "workerinput")

    @property
    def benchmarks(self) -> Any:
        """The session of pytest-benchmark."""
        return self._config._benchmarksession  # type: ignore[attr-defined]

    @cached_property
    def scratch(self) -> Path:
        """A folder that all workers of this session share; it is removed when the session ends."""
        if self.is_worker:
            return Path(self._config.workerinput[SHARED])  # type: ignore[attr-defined]
        folder = tempfile.TemporaryDirectory(prefix="qbench-pytest-")
        self._config.add_cleanup(folder.cleanup)
        return Path(folder.name)

    def _given(self, item: pytest.Item, benchmark: Any, result: Result) -> MeasuredCell:
        """Return a measured cell and report it, or end the test."""
        benchmark._mode = "qbench"  # pytest-benchmark warns of a fixture that was not used
        if isinstance(result, Problem):
            end(result.text, skip=result.unavailable and self.settings.skip_unavailable)
        check_measured(result.row, self.settings)
        # A worker's table is shown by nobody: the controller is sent what belongs there.
        table = [] if self.is_worker else self.benchmarks.benchmarks
        reporting.add(item, benchmark, result, table)
        return result

    def _wanted(self, item: pytest.Item, given: Mapping[str, Any]) -> Wanted:
        marks.check_names(given)
        wanted = marks.wanted({**marks.arguments_of(item), **given}, self._devices, self.settings)
        if self._profiles.setdefault(wanted.device.name, wanted.device) != wanted.device:
            raise ConfigError(f"device {wanted.device.name}: another profile has this name; rename one")
        return wanted

    @cached_property
    def _profiles(self) -> dict[str, DeviceProfile]:
        """The device profiles by name, with those made in Python that tests have named so far."""
        return dict(self._devices.devices)

    @cached_property
    def _devices(self) -> Config:
        from harness.accelerators import check_options
        from harness.config import find_devices_file, load_config

        return check_options(load_config(find_devices_file(self.settings.devices_file, self.settings.root)))

    @cached_property
    def _setup(self) -> Setup:
        results = self.settings.results if self.settings.timed else self.scratch
        return Setup(self.settings, self._devices, results)
