"""Show the progress of a command on stderr."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from delegates import wire
from harness.report.figures import brief, clean, short
from harness.report.output import console

_LONGEST_NAME = 40  # characters: a bar is one line


class ProgressBar:
    """Shows a bar on a terminal, a line per step elsewhere, and nothing if quiet."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._console = console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=quiet or not sys.stderr.isatty(),
        )
        self._task: TaskID | None = None
        self._groups: dict[str, dict[str, wire.Progress]] = {}  # by machine
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def step(self, text: str) -> None:
        """Show that a new part of the work begins."""
        if self._progress.disable:
            self.note(text)
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(short(text), total=None, detail="")

    def note(self, text: str) -> None:
        """Print one line that stays."""
        if not self._quiet:
            self._console.print(f"qbench: {clean(text)}", soft_wrap=True)

    def converted(self, variant: str, done: int, total: int) -> None:
        """Show how many variants are made."""
        self._update(done, total, f"{done} of {total} variants")

    def planned(self, machine: str, groups: dict[str, float]) -> None:
        """Show a machine's bar. groups: seconds of timed work that are planned, by group."""
        self._groups[machine] = {name: wire.Progress(name, 0.0, total_s) for name, total_s in groups.items()}
        if self._progress.disable:
            return
        if self._task is not None and not self._bars:
            self._progress.remove_task(self._task)  # from now on each machine has a bar of its own
            self._task = None
        total = sum(groups.values())
        name = brief(clean(machine), _LONGEST_NAME)
        self._bars[machine] = self._progress.add_task(f"measuring on {name}", total=total, detail="")

    def measured(self, machine: str, progress: wire.Progress) -> None:
        """Update a machine's bar. Ignored for a machine or group that was not planned."""
        groups = self._groups.get(machine, {})
        if progress.group not in groups or machine not in self._bars:
            return
        if progress.evaluated:
            evaluated = brief(clean(progress.evaluated), 2 * _LONGEST_NAME)
            self._progress.update(self._bars[machine], detail=f"accuracy of {evaluated}")
            return
        groups[progress.group] = progress
        done = sum(p.done_s for p in groups.values())
        total = sum(p.total_s for p in groups.values())
        group = brief(clean(progress.group), _LONGEST_NAME)
        detail = f"{done:.0f} of {total:.0f} s timed, {group}"
        self._progress.update(self._bars[machine], completed=done, total=total, detail=detail)

    def _update(self, done: float, total: float, detail: str) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total, detail=detail)
