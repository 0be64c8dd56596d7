"""Transports: how the bundle and the models get to a machine, and its answers home."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Protocol

from delegates.wire import Request
from harness.devices.transports.cleaned import Cleaned
from harness.devices.transports.connection import Connection


class Transport(Protocol):
    """A way to start agents on one machine. Raises DeviceError where the machine can't be reached."""

    name: str  # "this machine", or the board as the user calls it
    lock_holder: str | None  # who measured on the machine when it was last asked

    def python(self, wanted: str | None) -> str:
        """Return the Python that a profile means: `wanted`, or the machine's default."""
        ...

    def remote_path(self, path: Path) -> str:
        """Return the path of a file of ours on the machine, where it is once an agent has started."""
        ...

    def lock_for(self, run_id: str, wait_s: float | None) -> None:
        """Let agents started from now on take the machine's lock and wait so long for it (None: for ever)."""
        ...

    def start(self, request: Request) -> Connection:
        """Start an agent that will get this request."""
        ...

    def clean(self) -> Cleaned:
        """Remove what qbench has put on the machine."""
        ...

    def link_is_up(self) -> bool:
        """Return whether the machine can be reached at the moment."""
        ...

    def restore_link(self, stopped: Event) -> bool:
        """Return whether the link was lost and is there again; it is tried until `stopped` is set."""
        ...

    def close(self) -> None:
        """End what is under way and leave nothing open; any thread may call it."""
        ...
