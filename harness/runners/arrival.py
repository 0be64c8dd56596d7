"""From a board's login shell to the waiting conductor: delegates/arrive.py as home sees it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import delegates
from delegates.wire import printable
from harness.config import SshTarget
from harness.errors import DeviceError
from harness.runners import ssh_command
from harness.runners.conversation import Conversation

_SOURCE = Path(delegates.__file__).with_name("arrive.py")
_BANNER_BYTES = 1 << 20
_LINE_BYTES = 1 << 20
_TEXT_LENGTH = 500
_AT_ONCE = 50  # answers that may come in a row; later ones, one a second
_FORMS = {"waiting": str, "missing": list, "error": str, "ready": bool, "cleaned": dict}


class Arrival:
    """One conversation before its request. Every method raises DeviceError with what is in the way."""

    def __init__(self, target: SshTarget, name: str, conversation: Conversation) -> None:
        self._target, self._name, self._conversation = target, name, conversation
        self.uploaded_bytes = 0
        self._missing: list[str] | None = None

    def begin(self, python: str, order: Mapping[str, Any]) -> None:
        """Have arrive.py started by `python` (empty: the board's own) with its order."""
        marker, source = secrets.token_hex(16), _SOURCE.read_bytes()
        line = json.dumps({**order, "marker": marker}).encode()
        self._conversation.send(python.encode(), b"\n%d\n" % len(source), source, line, b"\n")
        self._skip_banner(marker)

    def finish(self, end: str, files: Mapping[str, Path], note: Callable[[str], None]) -> dict[str, Any]:
        """Upload what the board misses of `files` (by SHA-256). Returns the answer that has the key `end`."""
        started, answers = time.monotonic(), 0
        told = ""
        pieces = sum(path.stat().st_size for path in files.values()) >> 19
        while answers < _AT_ONCE + pieces + time.monotonic() - started:
            answer = self._answer()
            answers += 1
            if end in answer:
                return answer
            if "waiting" in answer:
                owner = answer["waiting"].rpartition(" for ")[0] or answer["waiting"]
                if owner != told:
                    note(f"{self._name} is in use by {answer['waiting']}; waiting")
                told = owner
            elif "missing" in answer:
                self._upload(answer["missing"], files)
        raise self._nonsense()

    def _skip_banner(self, marker: str) -> None:
        """Login shells print what they like before our own first line."""
        room = _BANNER_BYTES
        while line := self._conversation.read_line(room):
            if line == marker.encode() + b"\n":
                return
            room -= len(line)
        raise self._no_answer()

    def _answer(self) -> dict[str, Any]:
        line = self._conversation.read_line(_LINE_BYTES)
        if not line:
            raise self._no_answer()
        if line == b"\n":
            return {}  # it is at it
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
        """Why the stream ended before the conductor was there."""
        self._conversation.close()
        late_s, by_hand = self._conversation.late_s, ssh_command.by_hand(self._target)
        if late_s is not None:
            return DeviceError(f"{self._name}: no answer for {late_s:g} s; does {by_hand} true work?")
        return DeviceError(f"{self._name}: {ssh_command.explain_end(self._target, self._conversation)}")

    def _nonsense(self) -> DeviceError:
        return DeviceError(f"{self._name} sent something that is no answer")

    def _upload(self, missing: list[str], files: Mapping[str, Path]) -> None:
        if self._missing is not None:
            raise self._nonsense()
        self._missing = missing
        for sha256 in dict.fromkeys(missing):
            if sha256 not in files:
                raise DeviceError(f"{self._name} asked for a file that was not offered")
            self._conversation.send(json.dumps({"sha256": sha256}).encode() + b"\n", file=files[sha256])
            self.uploaded_bytes += files[sha256].stat().st_size


def _well_formed(answer: dict[str, Any]) -> bool:
    """Whether every value that is read has the form it is read in."""
    cleaned = answer.get("cleaned", {"files": 0, "bytes": 0})
    return (
        not _FORMS.keys().isdisjoint(answer)
        and all(isinstance(answer[key], form) for key, form in _FORMS.items() if key in answer)
        and isinstance(answer.get("lock"), str | None)
        and all(isinstance(sha256, str) for sha256 in answer.get("missing", ()))
        and all(type(cleaned.get(key)) is int for key in ("files", "bytes"))
    )


def _short(text: str) -> str:
    """One line for people."""
    return " ".join(printable(text).split())[:_TEXT_LENGTH]
