"""When what happens: markers are read after collection, cells measured before the first test."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from qbench.estimates import Undecided
from qbench.testing import reporting
from qbench.testing.outcomes import check_gate
from qbench.testing.session import SHARED, Cells

_OURS = {"qbench_cell", "qbench"}


class Hooks:
    """The plugin in one session of pytest."""

    def __init__(self, config: pytest.Config, cells: Cells) -> None:
        self.cells = cells
        self._option = config.option

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read the markers of the tests that will run. Raises UsageError if one is wrong."""
        self._silence_benchmark(session.items)
        for item in session.items:
            if "qbench_cell" in _fixtures(item) and not _is_skipped(item):
                self.cells.plan(item)
        if self.cells.wrong and not self.cells.is_worker:  # of a worker's errors nobody would be told
            raise pytest.UsageError("\n".join(f"{test}: {why}" for test, why in self.cells.wrong.items()))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Measure all cells that tests will ask for, unless no test will run."""
        failed = session.testsfailed and not self._option.continue_on_collection_errors
        if not (self._option.collectonly or self._option.setupplan or failed):
            self.cells.measure()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """Compare the cells of a test that passed with --qbench-against; skip it if that is undecided."""
        try:
            yield
            for cell in reporting.given(item):
                if cell.against is not None and cell.comparison is not None:
                    check_gate(str(cell), cell.against, cell.comparison)
        except Undecided as undecided:
            if self.cells.settings.skip_undecided:
                raise pytest.skip.Exception(f"undecided: {undecided}", _use_item_location=True) from None
            raise

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Add the figures to the report of a failed test; a worker also sends those for the table."""
        report = yield
        if report.failed and (text := reporting.summaries(item)):
            report.sections.append(("measured by qbench", text))
        if report.when == "call" and self.cells.is_worker:
            report.qbench_cells = reporting.to_send(item)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the figures that a worker has sent into the table of this process."""
        if not self.cells.is_worker:
            for found in getattr(report, "qbench_cells", ()):
                reporting.add_entry(found, self.cells.benchmarks.benchmarks)

    @pytest.hookimpl(optionalhook=True)  # of pytest-xdist
    def pytest_configure_node(self, node: Any) -> None:
        """Give all workers of this session one folder."""
        node.workerinput[SHARED] = str(self.cells.scratch)

    def _silence_benchmark(self, items: list[pytest.Item]) -> None:
        """Have workers not warn that times are not taken, if only ours are: these are."""
        used = [_fixtures(item) for item in items if "benchmark" in _fixtures(item)]
        if self.cells.is_worker and all(_OURS & names for names in used):
            self.cells.benchmarks.xdist_benchmark_found = False


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def _is_skipped(item: pytest.Item) -> bool:
    """Return whether a mark skips a test whatever happens. Conditions in texts are left to pytest."""
    conditions = (
        mark.args[0] if mark.args else mark.kwargs.get("condition") for mark in item.iter_markers("skipif")
    )
    always = any(condition and not isinstance(condition, str) for condition in conditions)
    return always or item.get_closest_marker("skip") is not None
