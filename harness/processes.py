"""Start child processes, limit their time and output, and kill them with all processes that they started.

Every child is in its own session, so that Ctrl-C in the terminal reaches qbench alone, which then kills the
child.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, Self

KEPT_BYTES = 1 << 16  # of what a child writes to stderr, from the end
_BLOCK_BYTES = 1 << 16
_INTERRUPTS: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], Any]
_LAST_WORDS_S = 1.0  # a grandchild may keep the pipe open for longer


@dataclass(frozen=True)
class Exit:
    """How a process ended.

    status: its exit status; negative: the number of the signal that killed it. late_s: the time limit in
    seconds, for a process that was killed because it took longer.
    """

    status: int
    late_s: float | None = None

    @property
    def ok(self) -> bool:
        """True if it ended by itself with status 0."""
        return self.status == 0 and self.late_s is None

    @property
    def signal(self) -> str | None:
        """The name of the signal that killed it, such as SIGSEGV; None if none did."""
        if self.status >= 0:
            return None
        try:
            return signal.Signals(-self.status).name
        except ValueError:
            return f"signal {-self.status}"

    def __str__(self) -> str:
        """Return what happened, to follow "the process": `was killed by SIGSEGV`."""
        if self.late_s is not None:
            return f"took longer than {self.late_s:g} s"
        return f"was killed by {self.signal}" if self.signal else f"ended with exit status {self.status}"


@dataclass(frozen=True)
class Finished:
    """What a process wrote, and how it ended."""

    output: bytes
    errors: bytes
    exit: Exit


class Process:
    """A child process with pipes for stdin and stdout; the end of what it writes to stderr is kept.

    As a context manager it is killed at the end, with all that it started. Starting it raises OSError.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: IO[bytes] | None = None,
        stderr: IO[bytes] | None = None,
        merged: bool = False,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        """folder: the working directory. environment: all variables; None: those of this process.

        stdin: a file instead of a pipe. stderr: a file instead of a pipe, for a child that starts another one
            in the background. merged: send stderr to stdout. kept_bytes: the most that is kept of stderr.
        """
        self._late_s: float | None = None
        self._errors: _Tail | None = None
        with _interrupts_deferred(self._abandon):
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if stdin is None else stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merged else subprocess.PIPE if stderr is None else stderr,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
            self.pid = self._process.pid
            if self._process.stderr is not None:
                self._errors = _Tail(self._process.stderr, kept_bytes)

    @property
    def stdin(self) -> IO[bytes]:
        """The pipe to its standard input; writing to a process that is gone raises OSError."""
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe from its standard output."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def alive(self) -> bool:
        """True until it has ended."""
        return self._process.poll() is None

    def wait(self, timeout_s: float | None = None) -> Exit:
        """Wait for its end and return how it ended; one that takes longer than `timeout_s` is killed."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._give_up(timeout_s or 0.0)
        return Exit(self._process.wait(), self._late_s)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Kill it if the block takes longer; a pending read from it then ends."""
        timer = threading.Timer(seconds, self._give_up, [seconds])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def errors(self) -> bytes:
        """Return the end of what it wrote to stderr; complete once the process has ended."""
        if self._errors is None:
            return b""
        return self._errors.all() if not self.alive else bytes(self._errors.data)

    def kill(self) -> None:
        """Kill it at once, with all processes that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill it, and close its pipes."""
        self.kill()
        self._process.wait()
        if self._errors is not None:
            self._errors.all()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not written yet has no reader any more
                    pipe.close()

    def _abandon(self) -> None:
        """Kill it if it was started: nobody will have it."""
        if hasattr(self, "pid"):
            self.kill()
            self._process.wait()

    def _give_up(self, after_s: float) -> None:
        if self.alive:
            self._late_s = after_s
            self.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def run(
    command: Sequence[str | Path],
    *,
    timeout_s: float,
    stdin: bytes = b"",
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    merged: bool = False,
    kept_bytes: int = KEPT_BYTES,
) -> Finished:
    """Run a command to its end, or kill it after `timeout_s`.

    The last `kept_bytes` of stdout and of stderr are kept; with `merged` both are in `output`. Processes
    that it leaves behind are killed. Raises OSError if it cannot be started.
    """
    with tempfile.TemporaryFile() as given:  # a pipe would block if the command does not read it
        given.write(stdin)
        given.seek(0)
        with Process(
            command, folder=folder, environment=environment, stdin=given, merged=merged, kept_bytes=kept_bytes
        ) as process:
            output = _Tail(process.stdout, kept_bytes)
            end = process.wait(timeout_s)
            process.kill()  # what it started may hold the pipes open
            return Finished(output.all(), process.errors(), end)


@contextlib.contextmanager
def _interrupts_deferred(abandon: Callable[[], None]) -> Iterator[None]:
    """Handle signals that come in the block at its end, and call `abandon` if their handlers raise.

    Else Ctrl-C could come between the start of a process and the moment somebody knows of it. Only the main
    thread gets signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending: list[tuple[int, FrameType | None]] = []
    handlers: dict[int, _Handler] = {}
    for number in _INTERRUPTS:
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler
            signal.signal(number, lambda number, frame: pending.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    try:
        for number, frame in pending:
            handlers[number](number, frame)
    except BaseException:
        abandon()
        raise


class _Tail:
    """The last bytes that come through a pipe, read by a thread."""

    def __init__(self, pipe: IO[bytes], kept_bytes: int) -> None:
        self.data = bytearray()
        self._pipe, self._kept_bytes = pipe, kept_bytes
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def all(self) -> bytes:
        """Return what was read, once the process has ended."""
        self._thread.join(_LAST_WORDS_S)
        return bytes(self.data[-self._kept_bytes :])

    def _read(self) -> None:
        with self._pipe, contextlib.suppress(OSError, ValueError):
            while block := os.read(self._pipe.fileno(), _BLOCK_BYTES):
                self.data += block
                if len(self.data) > 2 * self._kept_bytes:
                    del self.data[: -self._kept_bytes]
