"""A connection to one agent process: send a request, read its answers."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from delegates.wire import MAX_LINE_BYTES, Request, WireError, encode, printable
from harness.devices.timeouts import Timeouts
from harness.devices.transports.answers import receive
from harness.errors import DeviceError
from harness.processes import Exit, Process

_LOOK_S = 1.0
_STOP_S = 15  # between asking a conductor to stop and killing it
_STDERR_TAIL_BYTES = 16 * 1024
_CHUNK_BYTES = 1 << 18
_MOST_BYTES = 4 << 30  # of answers to one request: a hostile device must not fill memory and disk
_LAST_WORDS = 200  # characters

Bootstrap = Callable[["Connection"], object]


class Connection:
    """A process that answers one request. Iterate over the answers, then close.

    bootstrap: starts the agent in the fresh process, before the request is sent. timeouts: if given, both
    sides send heartbeats, and a device that is silent for too long is given up.
    """

    def __init__(
        self,
        command: list[str],
        request: Request,
        bootstrap: Bootstrap | None = None,
        folder: Path | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._request, self._bootstrap, self.timeouts = request, bootstrap, timeouts
        self._process = Process(command, folder=folder, kept_bytes=_STDERR_TAIL_BYTES)
        self.pid = self._process.pid
        self.asked = False  # whether the agent was up and got the request
        self.late: str | None = None  # what took too long, if anything: "said nothing for 60 s"
        self._read_bytes = 0
        self.status: int | None = None  # exit status, once closed
        self._sending = threading.Lock()
        self._over, self._ended = threading.Event(), threading.Event()
        self._due: float | None = None  # when the device counts as lost
        self._beating = False
        if timeouts is not None:
            threading.Thread(target=self._watch, args=(timeouts.answer_s,), daemon=True).start()

    def __iter__(self) -> Iterator[Any]:
        """Yield answers until the stream ends. Raises DeviceError for a line that is no valid answer."""
        if self._bootstrap is not None:
            self._bootstrap(self)
        self.asked = True
        self.send(encode(self._request).encode("ascii"))
        while line := self.read_line(MAX_LINE_BYTES):
            if line == b"\n":
                continue
            try:
                yield receive(line.decode("ascii", "replace"))
            except WireError as error:
                self.kill()  # it can't be trusted to stop when asked
                raise DeviceError(f"the device sent something that is no answer: {error}") from None
        if self.late is not None:
            raise DeviceError(f"the device {self.late}")

    def read_line(self, limit: int) -> bytes:
        """Return the next line; empty at the end. Raises DeviceError for more than `limit` bytes."""
        with self._in_time():
            line = self._process.stdout.readline(limit + 1)
        self._read_bytes += len(line)
        if len(line) > limit or self._read_bytes > _MOST_BYTES:
            self.kill()
            size, how = (limit, "in one line") if len(line) > limit else (_MOST_BYTES, "in all")
            raise DeviceError(f"the device sent more than {size} bytes {how}")
        return line

    def send(self, *pieces: bytes, content: Path | bytes = b"") -> None:
        """Send `pieces`, then the content of a file or more bytes, without a heartbeat in between."""
        source = content.open("rb") if isinstance(content, Path) else io.BytesIO(content)
        # ValueError, OSError: the process has ended, which reading will notice
        with source as opened, self._sending, contextlib.suppress(OSError, ValueError):
            for piece in pieces:
                self._process.stdin.write(piece)
            while data := opened.read(_CHUNK_BYTES):
                self._send_some(data)
            self._process.stdin.flush()
        if self.timeouts is not None and not self._beating:  # no heartbeat before the first bytes
            self._beating = True
            threading.Thread(target=self._beat, args=(self.timeouts.beat_s,), daemon=True).start()

    def stop(self) -> None:
        """Ask the agent to end early. It still sends what it has measured."""
        self._over.set()
        if not self.asked:
            self.kill()  # still starting, perhaps behind a frozen link: nothing is lost
        else:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def close(self) -> str | None:
        """End the process. Returns how it ended, or None if it ended normally."""
        self.stop()
        self.status = self._process.wait(_STOP_S).status
        self._ended.set()
        if self.status == 0:
            return None
        last = self.stderr().splitlines()[-1:]
        return f"the conductor {Exit(self.status)}" + (f" ({last[0][:_LAST_WORDS]})" if last else "")

    def stderr(self) -> str:
        """Return the tail of what the process wrote to stderr."""
        return printable(self._process.errors().decode("utf-8", "replace")).strip()

    def kill(self) -> None:
        """Kill the process, unless it has ended."""
        if self._process.alive:
            self._process.kill()

    def give_up(self, late: str) -> None:
        """Kill the process because it took too long. Its reader gets `late` as the reason."""
        self.late = late
        self.kill()

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        """Give the process up if the body takes too long."""
        if self.timeouts is not None:
            self._due = time.monotonic() + self.timeouts.answer_s
        try:
            yield
        finally:
            self._due = None

    def _watch(self, answer_s: float) -> None:
        while not self._ended.wait(min(_LOOK_S, answer_s / 4)):
            due = self._due
            if due is not None and time.monotonic() > due:
                self.give_up(f"said nothing for {answer_s:g} s")
                return

    def _send_some(self, data: bytes) -> None:
        with self._in_time():
            self._process.stdin.write(data)

    def _beat(self, beat_s: float) -> None:
        while not self._over.wait(beat_s):
            self.send(b"\n")
