"""A board over the user's own ssh: one connection a run, and nothing on the board but its Python."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import IO, Any

from delegates.wire import Request
from harness import cache
from harness.config import SshTarget
from harness.devices.timeouts import Timeouts
from harness.devices.transports import ssh_command
from harness.devices.transports.bootstrapping import Arrival, Content, Note, Place
from harness.devices.transports.bundle import Bundle
from harness.devices.transports.connection import Arrive, Conversation
from harness.errors import DeviceError


class SshRunner:
    """Starts conductors on a board. `note` is called with what the user should know meanwhile."""

    def __init__(
        self,
        target: SshTarget,
        bundle: Bundle,
        python: str | None,
        note: Note,
        patience: Timeouts = Timeouts(),  # noqa: B008 - frozen
    ) -> None:
        self.target, self.place_name, self.patience = target, target.host, patience
        self.uploaded_bytes = 0
        self.lock: str | None = None  # who had the board when it was last looked at
        self._python, self._note = python, note
        self._bundle = bundle
        self._files: dict[str, Content] = {bundle.sha256: bundle.data}
        self._place = Place(target.workdir, "workdir")
        self._connecting: subprocess.Popen[bytes] | None = None
        self._conversation: Conversation | None = None
        self._closed = False
        self._folder = ssh_command.private_folder()

    def python(self, wanted: str | None) -> str:
        """Without one asked for, the board's python3."""
        return wanted or "python3"

    def place(self, path: Path) -> str:
        """Files are named by their content there; paths are relative to the board's folder."""
        sha256 = cache.digest_file(path)
        self._files[sha256] = path
        return f"files/{sha256}"

    def take(self, run_id: str, wait_s: float | None) -> None:
        """From now on conversations hold the board's lock, waiting for it so long (None: for ever)."""
        self._place = self._place.taken(run_id, wait_s)

    def ask(self, request: Request) -> Conversation:
        self.connect()
        self._conversation = self._converse(replace(request, quiet_s=self.patience.quiet_s), self._arrive)
        return self._conversation

    def clean(self) -> dict[str, int]:
        """Empty the board's folder, once nobody uses it. Returns how many files and bytes were removed."""
        self.connect()
        self._conversation = self._converse(Request("probe"))
        try:
            return dict(self._arrive(self._conversation, "clean")["cleaned"])
        finally:
            self._conversation.close()

    def connect(self) -> None:
        """Have one connection that conversations share. Raises DeviceError with what to do."""
        if self.connected():
            return
        if self._closed:
            raise DeviceError(f"{self.place_name}: interrupted")
        # Of a connection that was killed; ssh would take it for one that lives, and share nothing.
        ssh_command.socket(self._folder).unlink(missing_ok=True)
        with tempfile.TemporaryFile() as stderr:
            status = self._start_master(stderr)
            stderr.seek(0)
            said = stderr.read(65536).decode("utf-8", "replace")
        if status != 0:
            raise DeviceError(f"{self.place_name}: {ssh_command.explain(self.target, said)}")
        if not self.connected():
            raise DeviceError(f"{self.place_name}: the connection was lost at once, or can't be shared")

    def _start_master(self, stderr: IO[bytes]) -> int:
        """ssh's exit status once it is connected, and in the background, or has failed."""
        command, limit_s = ssh_command.master(self.target, self._folder), self.patience.connect_s
        try:
            self._connecting = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                cwd=self.target.folder, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            raise DeviceError("there is no ssh here; install the OpenSSH client") from None
        try:
            return self._connecting.wait(limit_s)
        except subprocess.TimeoutExpired:
            self._give_up_connecting()
            raise DeviceError(f"{self.place_name}: no connection after {limit_s:g} s") from None
        finally:
            self._connecting = None

    def _give_up_connecting(self) -> None:
        connecting = self._connecting  # another thread's
        if connecting is not None and connecting.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(connecting.pid, signal.SIGKILL)

    def connected(self) -> bool:
        return self._tell_master("check")

    def reconnect(self, stopped: Event) -> bool:
        """Try for a while: a board that was restarted comes back, a cable is put in again."""
        if self.connected():
            return False
        self._note(f"the link to {self.place_name} was lost; trying again for {self.patience.retry_s:.0f} s")
        until, pause_s = time.monotonic() + self.patience.retry_s, 1.0
        while time.monotonic() < until and not stopped.wait(pause_s):
            pause_s = min(pause_s * 2, 10.0)
            with contextlib.suppress(DeviceError):
                self.connect()
                return True
        return False

    def close(self) -> None:
        self._closed = True
        self._give_up_connecting()
        if self._conversation is not None:
            self._conversation.kill()
        self._tell_master("exit")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _tell_master(self, what: str) -> bool:
        command = ssh_command.control(self.target, self._folder, what)
        try:
            done = subprocess.run(
                command, capture_output=True, cwd=self.target.folder, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0

    def _converse(self, request: Request, arrive: Arrive | None = None) -> Conversation:
        command = ssh_command.session(self.target, self._folder)
        return Conversation(command, request, arrive, self.target.folder, self.patience)

    def _arrive(self, conversation: Conversation, do: str = "run") -> dict[str, Any]:
        """From the login shell to the waiting conductor. Raises DeviceError with what is in the way."""
        arrival = Arrival(
            self.place_name,
            conversation,
            why=lambda: ssh_command.explain_end(self.target, conversation),
            note=self._note,
        )
        python = ssh_command.choice(self._python)
        try:
            arrival.greet()
            arrival.begin(self._place, self._bundle, self._files, do, python)
            answer = arrival.finish({"run": "ready", "clean": "cleaned"}[do], self._files)
        finally:
            self.uploaded_bytes += arrival.uploaded_bytes
        self.lock = answer.get("lock")
        return answer
