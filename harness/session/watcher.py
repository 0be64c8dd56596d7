"""The interface through which a run reports its progress."""

from __future__ import annotations

from typing import Protocol

from delegates.wire import Progress


class Watcher(Protocol):
    """Receives the progress of a run. `note` and `measured` are called from several threads."""

    def step(self, text: str) -> None:
        """Handle the beginning of a new part of the work."""

    def note(self, text: str) -> None:
        """Handle a line that the user should see."""

    def converted(self, variant: str, done: int, total: int) -> None:
        """Handle a variant that has been made, `done` of `total`."""

    def planned(self, machine: str, groups: dict[str, float]) -> None:
        """Handle the plan of a machine: seconds of timed work by group (model)."""

    def measured(self, machine: str, progress: Progress) -> None:
        """Handle progress of a machine."""


class Silent:
    """A watcher that reports nothing."""

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
