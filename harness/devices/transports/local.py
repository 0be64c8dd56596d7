"""The transport to this machine: a child process, with the same bootstrap, lock and bundle as on a board."""

from __future__ import annotations

import os
import platform
import re
import stat
import sys
import tempfile
from pathlib import Path
from threading import Event

from delegates.wire import Request
from harness.devices.transports.bootstrapping import Bootstrapper, Content, Note, WorkFolder
from harness.devices.transports.bundle import Bundle
from harness.devices.transports.cleaned import Cleaned
from harness.devices.transports.connection import Connection

LOCK_DIR = "QBENCH_LOCK_DIR"

# The program comes from stdin, as on a board. Run with -I, so that the working directory is not imported.
_BEGIN = "import sys; exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))"


class LocalTransport:
    """Starts agents on this machine. note: called with lines for the user."""

    name = "this machine"

    def __init__(self, bundle: Bundle, note: Note) -> None:
        self.lock_holder: str | None = None
        self._bundle, self._note = bundle, note
        self._files: dict[str, Content] = {bundle.sha256: bundle.data}
        self._folder = WorkFolder(str(lock_folder()), LOCK_DIR)
        self._connection: Connection | None = None
        self._closed = False

    def python(self, wanted: str | None) -> str:
        """Return `wanted`, or the Python that runs qbench."""
        return wanted or sys.executable

    def remote_path(self, path: Path) -> str:
        """Return the file's absolute path: this machine needs no copy."""
        return str(path.resolve())

    def lock_for(self, run_id: str, wait_s: float | None) -> None:
        """Let agents started from now on take the lock; they wait `wait_s` for it (None: for ever)."""
        self._folder = self._folder.locked_for(run_id, wait_s)

    def start(self, request: Request) -> Connection:
        """Start an agent that will get this request."""
        self._connection = Connection([sys.executable, "-I", "-c", _BEGIN], request, self._bootstrap)
        if self._closed:  # meanwhile, by another thread
            self._connection.kill()
        return self._connection

    def clean(self) -> Cleaned:
        """Do nothing: qbench keeps only its cache on this machine."""
        return Cleaned(0, 0)

    def link_is_up(self) -> bool:
        """Return True: there is no link that could be lost."""
        return True

    def restore_link(self, stopped: Event) -> bool:
        """Return False: there is no link that could have been lost."""
        return False

    def close(self) -> None:
        """End the agent, if one is running, and those that are started afterwards."""
        self._closed = True
        if self._connection is not None:
            self._connection.kill()

    def _bootstrap(self, connection: Connection) -> None:
        """Start the agent in a fresh process. Raises DeviceError."""
        bootstrapper = Bootstrapper(self.name, connection, lambda: _why(connection), self._note)
        bootstrapper.begin(self._folder, self._bundle, self._files)
        self.lock_holder = bootstrapper.finish("ready", self._files).get("lock")


def lock_folder() -> Path:
    """Return the folder for this machine's lock: QBENCH_LOCK_DIR, or one per user and machine.

    The default is in the user's cache folder and has the machine's name, because home folders may be shared
    over a network. It is not in QBENCH_CACHE, because runs with different caches share the machine. If it
    can't be written, belongs to another user (sudo) or could be replaced by anybody (homes in containers),
    the folder is in the one for temporary files.
    """
    if named := os.environ.get(LOCK_DIR):
        return Path(named).expanduser().absolute()
    machine = re.sub(r"[^A-Za-z0-9._-]", "_", platform.node()) or "machine"
    folder = _user_folder(f"on-{machine}")
    return folder or Path(tempfile.gettempdir()) / f"qbench-{os.geteuid()}"


def _user_folder(name: str) -> Path | None:
    """Return a folder in the user's cache folder, created if missing; None if it can't be used."""
    import platformdirs

    try:
        folder = platformdirs.user_cache_path("qbench") / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ours = folder.stat().st_uid == os.geteuid() and not any(map(_is_open, folder.parents))
    except (OSError, RuntimeError):  # RuntimeError: the user has no home folder
        return None
    return folder if ours and os.access(folder, os.W_OK | os.X_OK) else None


def _is_open(folder: Path) -> bool:
    """Return whether anybody can replace a folder in `folder`: writable by all, without a sticky bit."""
    mode = folder.stat().st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def _why(connection: Connection) -> str:
    """Return why a connection ended before the agent was up."""
    last = " ".join(connection.stderr().split())[-200:]
    return f"the first step ended with status {connection.status}" + (f" ({last})" if last else "")
