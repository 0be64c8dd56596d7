"""This machine as a device: the same bundle and wire as everywhere, in a child process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from delegates.wire import MAX_LINE_BYTES, Request, WireError, decode, encode
from harness import cache
from harness.errors import DeviceError
from harness.runners.bundle import Bundle

_STOP_S = 10  # between asking a conductor to stop and ending it


class LocalRunner:
    """Starts conductors on this machine."""

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        """Put the bundle into `folder` unless it is there already. Raises ModelError where that fails."""
        self._pyz = folder / f"{bundle.sha256}.pyz"
        if not self._pyz.exists():
            cache.write(self._pyz, bundle.data)

    def python(self, wanted: str | None) -> str:
        """The Python a profile means; without one, the Python that runs qbench."""
        return wanted or sys.executable

    def place(self, path: Path) -> str:
        """Where the file is on the device."""
        return str(path.resolve())

    def ask(self, request: Request) -> Conversation:
        return Conversation([sys.executable, str(self._pyz)], request)


class Conversation:
    """One request to a conductor and its answers, in order. Iterate, then close."""

    def __init__(self, command: list[str], request: Request) -> None:
        # A file, not a pipe: nobody need read it, and it can't fill up and block the conductor.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the conversation)
        # Its own session: Ctrl-C in the terminal reaches only us, and we ask it to stop.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._write(encode(request))

    def __iter__(self) -> Iterator[Any]:
        """Messages up to the end of the stream. Raises DeviceError for a line that is none."""
        assert self._process.stdout is not None
        while line := self._process.stdout.readline(MAX_LINE_BYTES + 1):
            if len(line) > MAX_LINE_BYTES:
                raise DeviceError(f"the device sent a line of more than {MAX_LINE_BYTES} bytes")
            try:
                yield decode(line.decode("ascii", "replace"))
            except WireError as error:
                raise DeviceError(f"the device sent something that is no answer: {error}") from None

    def stop(self) -> None:
        """Ask the conductor to end early; what it has measured still comes."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def close(self) -> str | None:
        """End it. Returns how it ended if that was not as it should, else None."""
        self.stop()
        try:
            status = self._process.wait(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            self._kill()
            status = self._process.wait()
        self._stderr.seek(0)
        last = self._stderr.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        self._stderr.close()
        if status == 0:
            return None
        how = f"was killed by {_signal_name(-status)}" if status < 0 else f"ended with exit status {status}"
        return f"the conductor {how}" + (f" ({last[0]})" if last else "")

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode("ascii"))
            self._process.stdin.flush()
        except OSError:
            pass  # it is gone; reading its answers will tell


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
