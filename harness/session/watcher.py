"""Who is told how far a run is."""

from __future__ import annotations

from typing import Protocol

from delegates.wire import Progress


class Watcher(Protocol):
    """Gets told how far a run is; `measured` is called from the threads of several machines."""

    def step(self, text: str) -> None:
        """A new part of the work begins."""

    def note(self, text: str) -> None:
        """Something that the user should know."""

    def converted(self, variant: str, done: int, total: int) -> None:
        """A variant has been made."""

    def planned(self, machine: str, groups: dict[str, float]) -> None:
        """Seconds of timed work that are planned on a machine, by group (model)."""

    def measured(self, machine: str, progress: Progress) -> None:
        """A machine has come further."""


class Silent:
    """A watcher that nobody listens to."""

    def step(self, text: str) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def converted(self, variant: str, done: int, total: int) -> None:
        """Do nothing."""

    def planned(self, machine: str, groups: dict[str, float]) -> None:
        """Do nothing."""

    def measured(self, machine: str, progress: Progress) -> None:
        """Do nothing."""
