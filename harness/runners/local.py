"""This machine as a device: the same bundle and wire as everywhere, in a child process."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event

from delegates.wire import Request
from harness.runners.bundle import Bundle
from harness.runners.conversation import Conversation


class LocalRunner:
    """Starts conductors on this machine."""

    place_name = "this machine"
    lock: str | None = None  # nobody's: whoever runs two at a time here sees it

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        """Raises ModelError where the bundle can't be put into `folder`."""
        self._pyz = bundle.put(folder)
        self._conversation: Conversation | None = None

    def python(self, wanted: str | None) -> str:
        """Without one asked for, the Python that runs qbench."""
        return wanted or sys.executable

    def place(self, path: Path) -> str:
        return str(path.resolve())

    def take(self, run_id: str, wait_s: float | None) -> None:
        pass

    def ask(self, request: Request) -> Conversation:
        self._conversation = Conversation([sys.executable, str(self._pyz)], request)
        return self._conversation

    def clean(self) -> dict[str, int]:
        return {"files": 0, "bytes": 0}  # the bundle is in the cache that variants are in

    def connected(self) -> bool:
        return True

    def reconnect(self, stopped: Event) -> bool:
        return False  # there is no link that could have been lost

    def close(self) -> None:
        if self._conversation is not None:
            self._conversation.kill()
