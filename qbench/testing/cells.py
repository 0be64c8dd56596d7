"""A measured cell, as a test sees it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from harness.errors import CellNotFound, ConfigError
from harness.record import Accuracy, BaselineName, Fidelity, Row, Status, Warning, subject
from qbench.estimates import Effort, Estimate, Undecided
from qbench.testing.marks import Wanted, named
from qbench.testing.outcomes import MEASURED, check_measured, end
from qbench.testing.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from delegates.stats import Interval
    from delegates.wire import Launch, Ops
    from harness.analysis.timing import Timing
    from harness.record.comparison import ComparedCell, Comparison
    from harness.session.stored import StoredRun


class MeasuredCell:
    """A measured cell: its figures, times as estimates with intervals. `row` has all, as plain numbers."""

    def __init__(
        self,
        wanted: Wanted,
        row: Row,
        stored: StoredRun,
        comparison: Comparison | None,
        settings: Settings,
    ) -> None:
        self.row = row
        self.comparison = comparison  # with --qbench-against
        self._wanted, self._stored, self._settings = wanted, stored, settings

    def __repr__(self) -> str:
        return f"{subject(self.row)} {self.name}"

    @property
    def name(self) -> BaselineName:
        """The cell's name, without its model: VARIANT/DELEGATE@DEVICE."""
        return _name(self.row)

    @property
    def run_id(self) -> str:
        """The id of the stored run; `qbench show` knows it."""
        return self._stored.document.run_id

    @property
    def status(self) -> Status:
        """`ok`, `partial` or `fallback`; with any other the test has not begun."""
        return self.row.status

    @property
    def ops(self) -> Ops:
        """How many ops there are in `total`, and how many are `delegated`. Fails if that is unknown."""
        if self.row.ops is None:
            pytest.fail(f"{self}: how many ops were delegated is not known", pytrace=False)
        return self.row.ops

    @property
    def size_bytes(self) -> int | None:
        """The size of the file that runs."""
        return self.row.size_bytes

    @property
    def size_ratio(self) -> float:
        """The baseline's size divided by this one; over 1 is smaller. Raises ConfigError without one."""
        other = self._row_of(self._baseline("size_ratio"))
        if not self.row.size_bytes or not other.size_bytes:
            pytest.fail(f"size_ratio of {self}: the size of one of the files is not known", pytrace=False)
        return other.size_bytes / self.row.size_bytes

    @property
    def peak_memory_bytes(self) -> int | None:
        """The most memory that a worker of this cell used."""
        return self.row.peak_memory_bytes

    @property
    def fidelity(self) -> Fidelity | None:
        """How close the outputs come to those of the reference; None if they were not compared."""
        return self.row.fidelity

    @property
    def accuracy(self) -> Accuracy:
        """How well it does on the labelled samples of `dataset`. Fails if that was not measured."""
        if self.row.accuracy is None:
            why = [one.message for one in self.row.warnings if one.code == "not-evaluated"]
            told = why[0] if why else "no labels in dataset"
            pytest.fail(f"the accuracy of {self} was not measured: {told}", pytrace=False)
        return self.row.accuracy

    @property
    def warnings(self) -> tuple[Warning, ...]:
        """What has to be known before the figures are believed."""
        return self.row.warnings

    @property
    def latency_ms(self) -> Estimate:
        """A typical inference, in ms: the middle one of the launches' medians."""
        from qbench.testing import times

        return self._time("latency", times.latency_ms(self._launches(self.row), self._timing))

    @property
    def floor_ms(self) -> Estimate:
        """An undisturbed inference, in ms: what speedups are made of."""
        from qbench.testing import times

        return self._time("floor", times.floor_ms(self._timing))

    @property
    def speedup(self) -> Estimate:
        """How many times faster than the baseline of the marker. Raises ConfigError without one."""
        return self._over(self._baseline("speedup"))

    def speedup_over(
        self, variant: str, delegate: str | None = None, device: str | None = None, threads: int | None = None
    ) -> Estimate:
        """Return how many times faster this cell is than another one of its run.

        variant: a name, or VARIANT/DELEGATE@DEVICE as in `baseline`. The rest is by default as in this cell.
        Raises CellNotFound if no test of this session had that cell measured.
        """
        row = self.row
        other = named(variant, self._wanted.device, delegate or row.delegate, threads or row.threads)
        return self._over(BaselineName(other.variant, other.delegate, device or other.device, other.threads))

    @property
    def is_timed(self) -> bool:
        """Whether times were measured: not with --benchmark-disable."""
        return self._settings.timed

    @property
    def effort(self) -> Effort:
        """How long and how exactly the run was asked to measure."""
        return Effort(self._wanted.budget_s, self._wanted.precision)

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the file that ran."""
        if self.row.compiled is not None:
            return self.row.compiled.sha256
        names = (subject(self.row), self.row.variant)
        found = (v.sha256 for v in self._stored.document.variants if (subject(v), v.name) == names)
        return next(found, None)

    @property
    def folder(self) -> Path:
        """Where the run is stored."""
        return self._stored.folder

    def compared(self) -> tuple[BaselineName, float | None, Estimate | None] | None:
        """Return the baseline of the marker, its size ratio and the speedup over it; None without a baseline.

        The figures are None if the baseline could not be measured.
        """
        name = self._wanted.baseline
        if name is None:
            return None
        row = self._find(name)
        if row is None or row.status not in MEASURED:
            return name, None, None
        sizes = (row.size_bytes or 0) / (self.row.size_bytes or 1)
        return name, sizes or None, self._speedup(row) if self._settings.timed else None

    @property
    def against(self) -> ComparedCell | None:
        """How it compares with the same cell of --qbench-against; None without that."""
        cells = () if self.comparison is None else self.comparison.cells
        names = (subject(self.row), self.name)
        return next((cell for cell in cells if (subject(cell), _name(cell)) == names), None)

    def samples_s(self) -> list[float]:
        """Return some thousands of the timed inferences, evenly spaced, in seconds."""
        self._check_timed()
        return [sample / 1e9 for sample in self._timing.spread]

    def _over(self, name: BaselineName) -> Estimate:
        self._check_timed()
        found = self._speedup(self._row_of(name))
        if found is None:
            raise Undecided(f"speedup over {name}: no launch of {self} can be compared with one of it")
        return found

    def _speedup(self, other: Row) -> Estimate | None:
        """Return the speedup over another cell; None if no launches can be compared."""
        from harness.analysis import timing
        from harness.analysis.speedup import compare

        theirs, name = timing.of(self._launches(other)), _name(other)
        found = compare(theirs, self._timing, name, self._wanted.precision)
        if found is None:
            return None
        speedup = found.speedup
        return self._estimate(f"speedup over {name}", speedup.value, speedup.low, speedup.high)

    def _time(self, what: str, found: Interval | None) -> Estimate:
        self._check_timed()
        if found is None:
            raise Undecided(f"{what} of {self}: the clock of {self.row.device} is too coarse for it")
        return self._estimate(what, *found, unit="ms")

    def _estimate(
        self, what: str, value: float, low: float | None, high: float | None, unit: str = ""
    ) -> Estimate:
        return Estimate(what, value, low, high, unit, self.effort)

    def _check_timed(self) -> None:
        if not self._settings.timed:
            end("times are not measured with --benchmark-disable", skip=True)

    def _baseline(self, figure: str) -> BaselineName:
        if self._wanted.baseline is None:
            raise ConfigError(f'{figure} of {self}: no marker names a baseline, such as baseline="float32"')
        return self._wanted.baseline

    def _row_of(self, name: BaselineName) -> Row:
        """Return the row of another cell of this model, if it was measured."""
        row = self._find(name)
        if row is None:
            advice = f'add baseline="{name}" to the marker'
            raise CellNotFound(f"{name} of {subject(self.row)} was not asked for: {advice}")
        check_measured(row, self._settings)
        return row

    def _find(self, name: BaselineName) -> Row | None:
        rows = self._stored.document.cells
        about = subject(self.row)
        return next((row for row in rows if subject(row) == about and name == _name(row)), None)

    @cached_property
    def _timing(self) -> Timing:
        from harness.analysis import timing

        return timing.of(self._launches(self.row))

    def _launches(self, row: Row) -> tuple[Launch, ...]:
        return next(entry.launches for entry in self._stored.run.cells if entry.cell.id == row.id)


def _name(row: Row | ComparedCell) -> BaselineName:
    return BaselineName(row.variant, row.delegate, row.device, row.threads)
