"""How the bundle and the models get to a device, and its answers home."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Protocol

from delegates.wire import Request
from harness.devices.transports.connection import Conversation


class Runner(Protocol):
    """A way to have conductors on one machine. Raises DeviceError where that can't be reached."""

    place_name: str  # "this machine", or the board as the user calls it
    lock: str | None  # who uses the machine, when it was last looked at

    def python(self, wanted: str | None) -> str:
        """The Python a profile means."""
        ...

    def place(self, path: Path) -> str:
        """Where the file will be on the machine; it is there once a conversation has begun."""
        ...

    def take(self, run_id: str, wait_s: float | None) -> None:
        """From now on the machine is this run's alone; wait for others so long (None: for ever)."""
        ...

    def ask(self, request: Request) -> Conversation:
        """Start a conductor with this request."""
        ...

    def clean(self) -> dict[str, int]:
        """Remove what qbench has put there. Returns how many `files` and `bytes` that were."""
        ...

    def connected(self) -> bool:
        """Whether the link is there."""
        ...

    def reconnect(self, stopped: Event) -> bool:
        """After a conversation that broke off: whether the link was lost, and is there again."""
        ...

    def close(self) -> None:
        """Leave nothing open, and end what is under way: also from another thread."""
        ...
