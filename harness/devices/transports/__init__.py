"""Transports: bring the bundle and the models to a machine, and its answers back."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Protocol

from delegates.wire import Request
from harness.devices.transports.cleaned import Cleaned
from harness.devices.transports.connection import Connection


class Transport(Protocol):
    """Starts agents on one machine. Its methods raise DeviceError if the machine can't be reached."""

    name: str  # "this machine", or the board as the user calls it
    lock_holder: str | None  # who was measuring on the machine when it was last asked

    def python(self, wanted: str | None) -> str:
        """Return the Python to use: `wanted`, or the machine's default."""
        ...

    def remote_path(self, path: Path) -> str:
        """Return the path of a local file on the machine. It exists there once an agent has started."""
        ...

    def lock_for(self, run_id: str, wait_s: float | None) -> None:
        """Let agents started from now on take the lock; they wait `wait_s` for it (None: for ever)."""
        ...

    def start(self, request: Request) -> Connection:
        """Start an agent that will get this request."""
        ...

    def clean(self) -> Cleaned:
        """Remove what qbench has put on the machine."""
        ...

    def link_is_up(self) -> bool:
        """Return whether the machine can be reached now."""
        ...

    def restore_link(self, stopped: Event) -> bool:
        """Try to restore a lost link until `stopped` is set. Returns whether it was lost and is up again."""
        ...

    def close(self) -> None:
        """End everything that is running and close the link. Thread-safe."""
        ...
