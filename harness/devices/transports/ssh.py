"""The transport to a board over the user's ssh: one link per run. The board needs only a Python."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import IO, Any

from delegates.wire import Request
from harness import cache, processes
from harness.config import SshTarget
from harness.devices.timeouts import Timeouts
from harness.devices.transports import ssh_command
from harness.devices.transports.bootstrapping import Bootstrapper, Content, Note, WorkFolder
from harness.devices.transports.bundle import Bundle
from harness.devices.transports.cleaned import Cleaned
from harness.devices.transports.connection import Bootstrap, Connection
from harness.errors import DeviceError
from harness.processes import Process

_CONTROL_S = 10.0  # for an answer of the ssh in the background


class SshTransport:
    """Starts agents on a board. note: called with lines for the user.

    All connections share one ssh link, whose socket is in a private folder.
    """

    def __init__(
        self,
        target: SshTarget,
        bundle: Bundle,
        python: str | None,
        note: Note,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
    ) -> None:
        self.target, self.name, self.timeouts = target, target.host, timeouts
        self.uploaded_bytes = 0
        self.lock_holder: str | None = None
        self._python, self._note = python, note
        self._bundle = bundle
        self._files: dict[str, Content] = {bundle.sha256: bundle.data}
        self._work_folder = WorkFolder(target.workdir, "workdir")
        self._connecting: Process | None = None
        self._connection: Connection | None = None
        self._closed = False
        self._folder = ssh_command.private_folder()

    def python(self, wanted: str | None) -> str:
        """Return `wanted`, or the board's python3."""
        return wanted or "python3"

    def remote_path(self, path: Path) -> str:
        """Return the file's path in the board's folder, in which files are named by their content."""
        sha256 = cache.digest_file(path)
        self._files[sha256] = path
        return f"files/{sha256}"

    def lock_for(self, run_id: str, wait_s: float | None) -> None:
        """Let agents started from now on take the lock; they wait `wait_s` for it (None: for ever)."""
        self._work_folder = self._work_folder.locked_for(run_id, wait_s)

    def start(self, request: Request) -> Connection:
        """Start an agent that will get this request. Opens the link if it is not up."""
        self.open_link()
        self._connection = self._new_connection(
            replace(request, quiet_s=self.timeouts.quiet_s), self._bootstrap
        )
        if self._closed:  # meanwhile, by another thread
            self._connection.kill()
        return self._connection

    def clean(self) -> Cleaned:
        """Remove the files in the board's folder, once no run uses it."""
        self.open_link()
        self._connection = self._new_connection(Request("probe"))
        try:
            removed = self._bootstrapped(self._connection, "clean")["cleaned"]
            return Cleaned(removed["files"], removed["bytes"])
        finally:
            self._connection.close()

    def open_link(self) -> None:
        """Open the ssh link that all connections share, unless it is up. Raises DeviceError with advice."""
        if self.link_is_up():
            return
        if self._closed:
            raise DeviceError(f"{self.name}: interrupted")
        # A socket left by a killed ssh would be taken for a live one.
        ssh_command.socket(self._folder).unlink(missing_ok=True)
        with tempfile.TemporaryFile() as stderr:
            connected = self._start_master(stderr)
            stderr.seek(0)
            log = stderr.read(65536).decode("utf-8", "replace")
        if not connected:
            raise DeviceError(f"{self.name}: {ssh_command.explain(self.target, log)}")
        if not self.link_is_up():
            raise DeviceError(f"{self.name}: the connection was lost at once, or can't be shared")

    def _start_master(self, stderr: IO[bytes]) -> bool:
        """Start the ssh that others share. Returns whether it has connected and gone to the background."""
        command = ssh_command.master(self.target, self._folder)
        try:
            connecting = Process(command, folder=self.target.folder, stderr=stderr)
        except FileNotFoundError:
            raise DeviceError(ssh_command.NO_SSH) from None
        self._connecting = connecting
        if self._closed:  # meanwhile, by another thread
            connecting.kill()
        # Not as a context manager, which would kill the process group and with it the ssh in the background.
        with connecting.stdin, connecting.stdout:
            ended = connecting.wait(self.timeouts.connect_s)
        self._connecting = None
        if ended.late_s is not None:
            raise DeviceError(f"{self.name}: no connection after {ended.late_s:g} s")
        return ended.ok

    def _give_up_connecting(self) -> None:
        connecting = self._connecting  # another thread's
        if connecting is not None and connecting.alive:
            connecting.kill()

    def link_is_up(self) -> bool:
        """Return whether the ssh link is up."""
        return self._tell_master("check")

    def restore_link(self, stopped: Event) -> bool:
        """Try to restore a lost link until `stopped` is set. Returns whether it was lost and is up again."""
        if self.link_is_up():
            return False
        self._note(f"the link to {self.name} was lost; trying again for {self.timeouts.retry_s:.0f} s")
        until, pause_s = time.monotonic() + self.timeouts.retry_s, 1.0
        while time.monotonic() < until and not stopped.wait(pause_s):
            pause_s = min(pause_s * 2, 10.0)
            with contextlib.suppress(DeviceError):
                self.open_link()
                return True
        return False

    def close(self) -> None:
        """End the agent and the link. No new link can be opened afterwards."""
        self._closed = True
        self._give_up_connecting()
        if self._connection is not None:
            self._connection.kill()
        self._tell_master("exit")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _tell_master(self, what: str) -> bool:
        command = ssh_command.control(self.target, self._folder, what)
        try:
            return processes.run(command, folder=self.target.folder, timeout_s=_CONTROL_S).exit.ok
        except OSError:
            return False

    def _new_connection(self, request: Request, bootstrap: Bootstrap | None = None) -> Connection:
        command = ssh_command.session(self.target, self._folder)
        return Connection(command, request, bootstrap, self.target.folder, self.timeouts)

    def _bootstrap(self, connection: Connection) -> None:
        self._bootstrapped(connection, "run")

    def _bootstrapped(self, connection: Connection, do: str) -> dict[str, Any]:
        """Start the agent from the login shell, and return its last answer. Raises DeviceError."""
        bootstrapper = Bootstrapper(
            self.name,
            connection,
            why=lambda: ssh_command.explain_end(self.target, connection),
            note=self._note,
        )
        python = ssh_command.choice(self._python)
        try:
            bootstrapper.greet()
            bootstrapper.begin(self._work_folder, self._bundle, self._files, do, python)
            answer = bootstrapper.finish({"run": "ready", "clean": "cleaned"}[do], self._files)
        finally:
            self.uploaded_bytes += bootstrapper.uploaded_bytes
        self.lock_holder = answer.get("lock")
        return answer
