"""A board over the user's own ssh: one connection a run, and nothing on the board but its Python."""

from __future__ import annotations

import contextlib
import getpass
import json
import platform
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import delegates
from delegates.wire import Request, printable
from harness import cache
from harness.config import SshTarget
from harness.errors import DeviceError
from harness.runners import ssh_command
from harness.runners.bundle import Bundle
from harness.runners.conversation import Conversation

KEEP_BYTES = 1 << 30  # old bundles and models on the board, beyond what a run needs
QUIET_S = 20.0  # the device hears from us every 5 s; without a sound for so long we are gone
_CONNECT_S = 60  # a hardware key may want to be touched
_ANSWER_S = 60  # a login shell, a slow disk
RETRY_FOR_S = 90.0  # a board takes so long to start again
_BANNER_BYTES = 1 << 20
_LINE_BYTES = 1 << 20
_ARRIVE = Path(delegates.__file__).with_name("arrive.py")

Note = Callable[[str], None]


class SshRunner:
    """Starts conductors on a board. `note` is called with what the user should know meanwhile."""

    def __init__(
        self, target: SshTarget, bundle: Bundle, folder: Path, python: str | None, note: Note
    ) -> None:
        self.target, self.place_name = target, target.host
        self.uploaded_bytes = 0
        self.lock: str | None = None  # who had the board when it was last looked at
        self._python, self._note = python, note
        self._bundle = bundle.sha256
        self._files = {bundle.sha256: bundle.put(folder)}
        self._owner: dict[str, str] | None = None
        self._wait_s: float | None = None
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
        self._owner = {"who": f"{getpass.getuser()}@{platform.node()}", "run": run_id}
        self._wait_s = wait_s

    def ask(self, request: Request) -> Conversation:
        self.connect()
        alive = replace(request, quiet_s=QUIET_S)
        return Conversation(self._session(), alive, self._arrive, self.target.folder)

    def clean(self) -> dict[str, int]:
        """Empty the board's folder, once nobody uses it. Returns how many files and bytes were removed."""
        self.connect()
        conversation = Conversation(self._session(), Request("probe"), folder=self.target.folder)
        try:
            return dict(self._arrive(conversation, "clean")["cleaned"])
        finally:
            conversation.close()

    def connect(self) -> None:
        """Have one connection that conversations share. Raises DeviceError with what to do."""
        if self.connected():
            return
        command = ssh_command.master(self.target, self._folder)
        with tempfile.TemporaryFile() as stderr:
            try:
                status = subprocess.run(
                    command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                    cwd=self.target.folder, timeout=_CONNECT_S, check=False, start_new_session=True,
                ).returncode  # fmt: skip
            except FileNotFoundError:
                raise DeviceError("there is no ssh here; install the OpenSSH client") from None
            except subprocess.TimeoutExpired:
                raise DeviceError(f"{self.place_name}: no connection after {_CONNECT_S} s") from None
            stderr.seek(0)
            said = stderr.read(65536).decode("utf-8", "replace")
        if status != 0:
            raise DeviceError(f"{self.place_name}: {ssh_command.explain(self.target, said)}")

    def connected(self) -> bool:
        return self._tell_master("check")

    def reconnect(self, stopped: Event) -> bool:
        """Try for a while: a board that was restarted comes back, a cable is put in again."""
        if self.connected():
            return False
        self._note(f"the link to {self.place_name} was lost; trying again for {RETRY_FOR_S:.0f} s")
        until, pause_s = time.monotonic() + RETRY_FOR_S, 1.0
        while time.monotonic() < until and not stopped.wait(pause_s):
            pause_s = min(pause_s * 2, 10.0)
            with contextlib.suppress(DeviceError):
                self.connect()
                return True
        return False

    def close(self) -> None:
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

    def _session(self) -> list[str]:
        return ssh_command.session(self.target, self._folder)

    def _arrive(self, conversation: Conversation, do: str = "run") -> dict[str, Any]:
        """From the login shell to the waiting conductor. Raises DeviceError with what is in the way."""
        marker, source = secrets.token_hex(16), _ARRIVE.read_bytes()
        order = {
            "do": do,
            "marker": marker,
            "workdir": self.target.workdir,
            "owner": self._owner,
            "wait_s": self._wait_s,
            "keep_bytes": KEEP_BYTES,
            "bundle": self._bundle,
            "files": [{"sha256": key, "size": path.stat().st_size} for key, path in self._files.items()],
        }
        python = (self._python or "").encode()
        conversation.send(python, b"\n%d\n" % len(source), source, json.dumps(order).encode(), b"\n")
        with conversation.limit(_ANSWER_S):
            self._skip_banner(conversation, marker)
        while True:
            with conversation.limit(_ANSWER_S):
                answer = self._answer(conversation)
            if "waiting" in answer:
                self._note(f"{self.place_name} is in use by {answer['waiting']}; waiting")
            elif "missing" in answer:
                self._upload(conversation, answer["missing"])
            else:
                self.lock = answer.get("lock")
                return answer

    def _skip_banner(self, conversation: Conversation, marker: str) -> None:
        """Login shells print what they like before our own first line."""
        room = _BANNER_BYTES
        while room > 0 and (line := conversation.read_line(room)):
            if line == marker.encode() + b"\n":
                return
            room -= len(line)
        conversation.close()
        raise DeviceError(f"{self.place_name}: {ssh_command.explain_end(self.target, conversation)}")

    def _answer(self, conversation: Conversation) -> dict[str, Any]:
        """What the board says on its way. Raises DeviceError, also for what is no answer."""
        line = conversation.read_line(_LINE_BYTES)
        if not line:
            conversation.close()
            raise DeviceError(f"{self.place_name}: {ssh_command.explain_end(self.target, conversation)}")
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or not _FORMS.keys() & answer.keys():
            raise DeviceError(f"{self.place_name} sent something that is no answer")
        for key, form in _FORMS.items():
            if key in answer and not isinstance(answer[key], form):
                raise DeviceError(f"{self.place_name} sent something that is no answer")
        if "error" in answer:
            raise DeviceError(f"{self.place_name}: {printable(answer['error'])}")
        return {key: printable(v) if isinstance(v, str) else v for key, v in answer.items()}

    def _upload(self, conversation: Conversation, missing: list[Any]) -> None:
        for sha256 in missing:
            if sha256 not in self._files:
                raise DeviceError(f"{self.place_name} asked for a file that was not offered")
            path = self._files[sha256]
            conversation.send(json.dumps({"sha256": sha256}).encode() + b"\n", file=path)
            self.uploaded_bytes += path.stat().st_size


_FORMS = {"waiting": str, "missing": list, "error": str, "ready": bool, "cleaned": dict}
