"""This machine as a device: the same first steps, lock, bundle and wire as on a board, in a child process."""

from __future__ import annotations

import os
import platform
import re
import stat
import sys
import tempfile
from pathlib import Path
from threading import Event
from typing import Any

from delegates.wire import Request
from harness.devices.transports.bootstrapping import Arrival, Content, Note, Place
from harness.devices.transports.bundle import Bundle
from harness.devices.transports.connection import Conversation

LOCK_DIR = "QBENCH_LOCK_DIR"

# As a board's Python is started: the program comes from stdin. -I: nothing in the working directory is ours.
_BEGIN = "import sys; exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))"


class LocalRunner:
    """Starts conductors on this machine. `note` is called with what the user should know meanwhile."""

    place_name = "this machine"

    def __init__(self, bundle: Bundle, note: Note) -> None:
        self.lock: str | None = None  # who had the machine when it was last looked at
        self._bundle, self._note = bundle, note
        self._files: dict[str, Content] = {bundle.sha256: bundle.data}
        self._place = Place(str(lock_folder()), LOCK_DIR)
        self._conversation: Conversation | None = None

    def python(self, wanted: str | None) -> str:
        """Without one asked for, the Python that runs qbench."""
        return wanted or sys.executable

    def place(self, path: Path) -> str:
        return str(path.resolve())

    def take(self, run_id: str, wait_s: float | None) -> None:
        """From now on conversations hold this machine's lock, waiting for it so long (None: for ever)."""
        self._place = self._place.taken(run_id, wait_s)

    def ask(self, request: Request) -> Conversation:
        self._conversation = Conversation([sys.executable, "-I", "-c", _BEGIN], request, self._arrive)
        return self._conversation

    def clean(self) -> dict[str, int]:
        return {"files": 0, "bytes": 0}  # there is the bundle only

    def connected(self) -> bool:
        return True

    def reconnect(self, stopped: Event) -> bool:
        return False  # there is no link that could have been lost

    def close(self) -> None:
        if self._conversation is not None:
            self._conversation.kill()

    def _arrive(self, conversation: Conversation) -> dict[str, Any]:
        """From a fresh process to the waiting conductor. Raises DeviceError with what is in the way."""
        arrival = Arrival(self.place_name, conversation, lambda: _why(conversation), self._note)
        arrival.begin(self._place, self._bundle, self._files)
        answer = arrival.finish("ready", self._files)
        self.lock = answer.get("lock")
        return answer


def lock_folder() -> Path:
    """The folder for this machine's lock: QBENCH_LOCK_DIR, or one per user and machine.

    That is in the user's cache folder (not in QBENCH_CACHE: runs with different ones share the machine),
    with the machine's name, because home folders are shared over networks; where that can't be written, is
    another user's (sudo), or lies in a folder that anybody can write (homes in containers), in the folder for
    temporary files.
    """
    if named := os.environ.get(LOCK_DIR):
        return Path(named).expanduser().absolute()
    machine = re.sub(r"[^A-Za-z0-9._-]", "_", platform.node()) or "machine"
    usual = _user_folder(f"on-{machine}")
    return usual or Path(tempfile.gettempdir()) / f"qbench-{os.geteuid()}"


def _user_folder(name: str) -> Path | None:
    """The folder in the user's cache folder, made where it is missing; None where it can't be used."""
    import platformdirs

    try:
        folder = platformdirs.user_cache_path("qbench") / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ours = folder.stat().st_uid == os.geteuid() and not any(map(_is_open, folder.parents))
    except (OSError, RuntimeError):  # RuntimeError: the user has no home folder
        return None
    return folder if ours and os.access(folder, os.W_OK | os.X_OK) else None


def _is_open(folder: Path) -> bool:
    """True where anybody could put another folder in the place of one in it: no sticky bit, as /tmp has."""
    mode = folder.stat().st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def _why(conversation: Conversation) -> str:
    """The reason why a conversation ended before the device answered."""
    last = " ".join(conversation.stderr().split())[-200:]
    return f"the first step ended with status {conversation.status}" + (f" ({last})" if last else "")
