"""Read a log of edgetpu_compiler: its output, or the .log file that it writes beside the compiled model.

The formats are those of versions 2.0 to 16.0. One log may hold many attempts (--search_delegate drops ops
until one compiles): the last verdict counts, not the first "Compilation failed!".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from harness.record import CompilerOp

Verdict = Literal["compiled", "failed", "unfinished"]
MAPPED = "Mapped to Edge TPU"

_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_ATTEMPT = re.compile(r"Try to compile segment with \d+ ops|Searching for valid delegate")
_FIGURES = {
    "subgraphs": re.compile(r"Number of Edge TPU subgraphs: (\S+)"),
    "ops_total": re.compile(r"Total number of operations: (\S+)"),
    "ops_mapped": re.compile(r"Number of operations that will run on Edge TPU: (\S+)"),
    "on_chip_bytes": re.compile(r"On-chip memory used for caching model parameters: (\S+)"),
    "on_chip_free_bytes": re.compile(
        r"On-chip memory (?:remaining|available) for caching model parameters: (\S+)"
    ),
    "streamed_bytes": re.compile(r"Off-chip memory used for streaming uncached model parameters: (\S+)"),
}
_HEADER = re.compile(r"Operator\s+Count\s+Status")
_NUMBER = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)([KMG]?i?B)?")
# Rows that do not fit the header's columns: blanks were lost in a copy, or a name touches its count.
_ROWS = (
    re.compile(r"(\S+)\s+([0-9]{1,9})\s+(\S.*)"),
    re.compile(r"(\S*[^\s0-9])([0-9]{1,9})\s+(\S.*)"),
)
_FLAKY = "Internal compiler error"


@dataclass(frozen=True)
class Report:
    """The result of the last attempt. Figures that the compiler did not give are None."""

    version: str | None = None
    verdict: Verdict = "unfinished"
    reason: str | None = None  # why it failed, in the compiler's words
    attempts: tuple[Verdict, ...] = ()  # the ones before the last
    subgraphs: int | None = None
    ops_total: int | None = None
    ops_mapped: int | None = None  # as stated beside the table, if not all are mapped
    on_chip_bytes: int | None = None  # parameters kept on the chip
    on_chip_free_bytes: int | None = None
    streamed_bytes: int | None = None  # parameters that cross the bus in every inference
    ops: tuple[CompilerOp, ...] = field(default=())

    @property
    def mapped(self) -> int:
        """Ops that run on the Edge TPU."""
        return sum(row.count for row in self.ops if row.status == MAPPED)

    @property
    def problem(self) -> str | None:
        """Why `ops` cannot be right; None if they add up, or if the log has no sum."""
        listed = sum(row.count for row in self.ops)
        if self.ops_total is not None and listed != self.ops_total:
            return f"the compiler's table lists {listed} ops, and it says that there are {self.ops_total}"
        if self.ops_mapped is not None and self.mapped != self.ops_mapped:
            return f"the compiler's table has {self.mapped} mapped ops, and it says {self.ops_mapped}"
        return None

    @property
    def flaky(self) -> bool:
        """True if another try may succeed, as users report."""
        return self.verdict == "unfinished" or _FLAKY in (self.reason or "")


def parse(text: str) -> Report:
    """Read a log. Never fails: unknown lines are skipped, unknown status strings are kept."""
    reader = _Reader()
    for line in text.splitlines():
        reader.read(line.strip())
    return reader.report()


class _Reader:
    """A reader of a log, line by line."""

    def __init__(self) -> None:
        self._found = Report()
        self._rows: list[CompilerOp] = []
        self._errors: list[str] = []
        self._columns: tuple[int, int] | None = None  # of Count and Status, behind a table's header
        self._invalid = self._begun = False

    def read(self, line: str) -> None:
        """Read the next line of the log."""
        row = _row(line, *self._columns) if self._columns else None
        if row is not None:
            self._rows.append(row)
        elif _HEADER.fullmatch(line):
            self._columns = line.index("Count"), line.index("Status")
        elif line:
            self._figures(line)
            self._verdict(line)

    def report(self) -> Report:
        """Return the report on the lines so far."""
        verdict = self._found.verdict
        if self._rows and verdict == "unfinished":  # the .log file has no verdict, and only after success
            verdict = "compiled"
        total = self._found.ops_total or sum(row.count for row in self._rows) or None
        return replace(self._found, verdict=verdict, ops=tuple(self._rows), ops_total=total)

    def _figures(self, line: str) -> None:
        if version := re.fullmatch(r"Edge TPU Compiler version (\S+)", line):
            self._found = replace(self._found, version=version[1])
        for name, form in _FIGURES.items():
            if found := form.match(line):
                figure: dict[str, Any] = {name: _number(found[1])}
                self._found = replace(self._found, **figure)

    def _verdict(self, line: str) -> None:
        if _ATTEMPT.match(line):
            self._next_attempt()
        elif re.match(r"Models? compiled successfully", line):
            self._begun = True
            self._found = replace(self._found, verdict="compiled", reason=None)
        elif line.startswith("ERROR: "):
            self._errors.append(line[7:])
        elif line.startswith("Compilation failed"):
            reason = line.partition(":")[2].strip().removeprefix("Compilation failed due to ").rstrip(".")
            self._fail(reason or self._found.reason)
        elif line.startswith((_FLAKY, "libc++abi:")) or "Segmentation fault" in line:
            self._fail(line.rstrip("! "))
        elif line.startswith("Invalid model"):
            self._invalid = True
            self._fail(line)
        elif self._invalid:
            self._invalid = False
            self._fail(line)

    def _fail(self, reason: str | None) -> None:
        self._begun = True
        first = self._errors[0] if self._errors and reason == "Model could not be parsed" else ""
        self._found = replace(self._found, verdict="failed", reason=f"{reason}: {first}" if first else reason)

    def _next_attempt(self) -> None:
        """Start over for the next attempt: figures and reasons belong to one attempt."""
        if self._begun:
            attempts = (*self._found.attempts, self._found.verdict)
            self._found = Report(version=self._found.version, attempts=attempts)
        self._rows, self._errors, self._begun, self._columns = [], [], False, None


def _row(line: str, count_at: int, status_at: int) -> CompilerOp | None:
    """Read a row of the table; None for any other line, of which some may stand between rows."""
    name, count, status = line[:count_at].strip(), line[count_at:status_at].strip(), line[status_at:].strip()
    if name and status and not line[count_at : count_at + 1].isspace() and re.fullmatch("[0-9]{1,9}", count):
        return CompilerOp(name, int(count), status)
    found = next((row for form in _ROWS if (row := form.fullmatch(line))), None)
    return None if found is None else CompilerOp(found[1], int(found[2]), found[3])


def _number(text: str) -> int | None:
    """Convert "3.86MiB" to bytes, and "12" to 12; None if it is not a number."""
    found = _NUMBER.fullmatch(text)
    if found is None or (found[2] or "B") not in _UNITS:
        return None
    return round(float(found[1]) * _UNITS[found[2] or "B"])
