"""Turn a fresh process into an agent that waits for its request: home's side of agent/bootstrap.py."""

from __future__ import annotations

import getpass
import json
import os
import platform
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import delegates
from delegates.wire import printable
from harness.devices.transports import ssh_command
from harness.devices.transports.bundle import Bundle
from harness.devices.transports.connection import Connection
from harness.errors import DeviceError

KEEP_BYTES = 1 << 30  # of old bundles and models on a machine

_SOURCE = Path(delegates.__file__).parent / "agent" / "bootstrap.py"
_QUIET_S = 60  # without a byte from home, until bootstrap.py ends
_BANNER_BYTES = 1 << 20
_LINE_BYTES = 1 << 20
_TEXT_LENGTH = 500
_AT_ONCE = 50  # answers that may come in a row; then one per second
_FORMS = {"waiting": str, "missing": list, "error": str, "ready": bool, "cleaned": dict}

Note = Callable[[str], None]
Content = Path | bytes


@dataclass(frozen=True)
class WorkFolder:
    """The folder of qbench's files and lock on a machine, and who takes the lock.

    folder: None lets the machine choose. named_by: the setting with which users choose another folder.
    owner: None does not take the lock. wait_s: the longest wait for the lock; None: for ever.
    """

    folder: str | None
    named_by: str
    owner: Mapping[str, str] | None = None
    wait_s: float | None = None

    def locked_for(self, run_id: str, wait_s: float | None) -> WorkFolder:
        """Return the folder with its lock to be taken for a run of this user."""
        owner = {"who": f"{_user()}@{platform.node()}", "run": run_id}
        return replace(self, owner=owner, wait_s=wait_s)


class Bootstrapper:
    """Starts the agent on a connection. Every method raises DeviceError.

    why: returns why the connection has ended.
    """

    def __init__(self, name: str, connection: Connection, why: Callable[[], str], note: Note) -> None:
        self._name, self._connection, self._why, self._note = name, connection, why, note
        self.uploaded_bytes = 0
        self._missing: list[str] | None = None

    def greet(self) -> None:
        """Wait until the login shell runs qbench's command; until then only a comment is sent.

        If the shell runs something else, that must not read qbench's program as commands.
        """
        word = secrets.token_hex(16)
        hello, answer = ssh_command.hello(word)
        self._connection.send(hello)
        self._skip_banner(answer, own=hello.rstrip())

    def begin(
        self,
        folder: WorkFolder,
        bundle: Bundle,
        files: Mapping[str, Content],
        do: str = "run",
        python: bytes = b"",
    ) -> None:
        """Send bootstrap.py and its order.

        files: by SHA-256. python: the line that names a Python for the login shell.
        """
        marker, source = secrets.token_hex(16), _SOURCE.read_bytes()
        is_board = self._connection.timeouts is not None
        order = {
            "do": do,
            "marker": marker,
            "workdir": folder.folder,
            "named_by": folder.named_by,
            "owner": folder.owner,
            "wait_s": folder.wait_s,
            "keep_bytes": KEEP_BYTES,
            "quiet_s": _QUIET_S if is_board else 0,
            "stay": not is_board,
            "bundle": bundle.sha256,
            "files": [{"sha256": key, "size": _size(content)} for key, content in files.items()],
        }
        self._connection.send(python, b"%d\n" % len(source), source, json.dumps(order).encode() + b"\n")
        self._skip_banner(marker.encode())

    def finish(self, end: str, files: Mapping[str, Content]) -> dict[str, Any]:
        """Send the files that are missing on the machine. Returns the answer with the key `end`."""
        started, answers = time.monotonic(), 0
        last_owner = ""
        pieces = sum(map(_size, files.values())) >> 19
        while answers < _AT_ONCE + pieces + time.monotonic() - started:
            answer = self._answer()
            answers += 1
            if end in answer:
                return answer
            if "waiting" in answer:
                owner = answer["waiting"].rpartition(" for ")[0] or answer["waiting"]
                if owner != last_owner:
                    self._note(f"{self._name} is in use by {answer['waiting']}; waiting")
                last_owner = owner
            elif "missing" in answer:
                self._note_damage(min(answer.get("damaged", 0), len(answer["missing"])))
                self._send(answer["missing"], files)
        raise self._nonsense()

    def _skip_banner(self, until: bytes, own: bytes | None = None) -> None:
        """Skip what a login shell prints before the line `until`. Raises DeviceError if it echoes `own`."""
        room, started = _BANNER_BYTES, time.monotonic()
        timeouts = self._connection.timeouts
        while line := self._banner_line(room):
            if line.rstrip(b"\r\n") == until:
                return
            if own is not None and own in line:
                raise self._ended(ssh_command.ECHOES)
            room -= len(line)
            if timeouts is not None and time.monotonic() - started > timeouts.answer_s:
                self._connection.give_up(f"printed things for {timeouts.answer_s:g} s and did not begin")
        raise self._no_answer()

    def _banner_line(self, room: int) -> bytes:
        try:
            return self._connection.read_line(room)
        except DeviceError:
            raise self._ended(ssh_command.floods(_BANNER_BYTES)) from None

    def _answer(self) -> dict[str, Any]:
        line = self._connection.read_line(_LINE_BYTES)
        if not line:
            raise self._no_answer()
        if line == b"\n":
            return {}  # a sign of life
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            raise self._nonsense() from None
        if not isinstance(answer, dict) or not _well_formed(answer):
            raise self._nonsense()
        answer = {key: _short(value) if isinstance(value, str) else value for key, value in answer.items()}
        if "error" in answer:
            raise DeviceError(f"{self._name}: {answer['error']}")
        return answer

    def _no_answer(self) -> DeviceError:
        """Return the error for a stream that ended before the agent was up."""
        self._connection.close()
        return DeviceError(f"{self._name}: {self._why()}")

    def _ended(self, why: str) -> DeviceError:
        self._connection.kill()
        return DeviceError(f"{self._name}: {why}")

    def _nonsense(self) -> DeviceError:
        return DeviceError(f"{self._name} sent something that is no answer")

    def _note_damage(self, count: int) -> None:
        if count:
            files = "1 file" if count == 1 else f"{count} files"
            self._note(
                f"{self._name}: {files} kept there no longer had the content that was sent, or could be"
                f" changed by others; sent again. If this comes back, suspect its disk or SD card"
            )

    def _send(self, missing: list[str], files: Mapping[str, Content]) -> None:
        if self._missing is not None:
            raise self._nonsense()
        self._missing = missing
        for sha256 in dict.fromkeys(missing):
            if sha256 not in files:
                raise DeviceError(f"{self._name} asked for a file that was not offered")
            header = json.dumps({"sha256": sha256}).encode() + b"\n"
            self._connection.send(header, content=files[sha256])
            self.uploaded_bytes += _size(files[sha256])


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user id without a name
        return f"user {os.geteuid()}"


def _size(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _well_formed(answer: dict[str, Any]) -> bool:
    """Return whether all values of an answer have the expected types."""
    cleaned = answer.get("cleaned", {"files": 0, "bytes": 0})
    damaged = answer.get("damaged", 0)
    return (
        not _FORMS.keys().isdisjoint(answer)
        and all(isinstance(answer[key], form) for key, form in _FORMS.items() if key in answer)
        and isinstance(answer.get("lock"), str | None)
        and all(isinstance(sha256, str) for sha256 in answer.get("missing", ()))
        and type(damaged) is int
        and damaged >= 0
        and all(type(cleaned.get(key)) is int for key in ("files", "bytes"))
    )


def _short(text: str) -> str:
    """Return the text as one line of bounded length."""
    return " ".join(printable(text).split())[:_TEXT_LENGTH]
