"""Supervise child processes: start one, exchange lines with it, end it and everything it started."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from typing import Mapping, Optional, Sequence, Union

_STDERR_TAIL_BYTES = 16 * 1024
_LAST_WORDS = 200  # characters of stderr's last line that a message quotes
_READ_BYTES = 1 << 16  # what a pipe of Linux holds
_END_S = 5.0  # for a child to end by itself
_REAP_S = 0.5  # for what was killed to end
_POLL_S = 0.0005  # between looks at a child that is about to end


class ChildError(Exception):
    """A child process sends no further line."""

    signal_name: Optional[str] = None  # the signal that ended it, if one did

    def sentence(self, who: str, doing: str) -> str:
        """Return what happened, for users. who: the child. doing: its activity ("importing the runtime")."""
        raise NotImplementedError


class CannotStart(ChildError):
    """The program can't be started."""

    def __init__(self, program: str, why: Optional[str]) -> None:
        super().__init__(program, why)
        self.program, self.why = program, why

    def sentence(self, who: str, doing: str) -> str:
        """Say what could not be started, and why."""
        return "cannot start %s: %s" % (self.program, self.why)


class NoAnswer(ChildError):
    """The child wrote no complete line in time, and was killed."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(timeout_s)
        self.timeout_s = timeout_s

    def sentence(self, who: str, doing: str) -> str:
        """Say how long it was waited for."""
        return "no answer for %g s while %s" % (self.timeout_s, doing)


class BadAnswer(ChildError):
    """The child wrote something that is not an answer, and was killed."""

    def sentence(self, who: str, doing: str) -> str:
        """Say what is wrong with the answer."""
        return "%s sent something that is no answer while %s" % (who, doing)


class Exited(ChildError):
    """The child ended by itself or by a signal. status: as in subprocess."""

    def __init__(self, status: int, last_words: str) -> None:
        super().__init__(status, last_words)
        self.status, self.last_words = status, last_words
        self.signal_name = _signal_name(-status) if status < 0 else None

    def sentence(self, who: str, doing: str) -> str:
        """Say how it ended, and its last words."""
        if self.signal_name is None:
            text = "%s ended with exit status %d while %s" % (who, self.status, doing)
            return text + (": " + self.last_words if self.last_words else "")
        text = "%s was killed by %s while %s" % (who, self.signal_name, doing)
        return text + ("; the kernel does that when memory runs out" if self.signal_name == "SIGKILL" else "")


class Forked:
    """A child process that another one has forked for us (see agent/launcher.py)."""

    def __init__(self, pid: int, stdin: int, stdout: int, stderr: int) -> None:
        """stdin, stdout, stderr: our ends of its pipes, which are ours to close."""
        self.pid = pid
        self.returncode: Optional[int] = None
        self.stdin, self.stdout, self.stderr = (
            open(stdin, "wb", buffering=0),
            open(stdout, "rb", buffering=0),
            open(stderr, "rb", buffering=0),
        )

    def poll(self) -> Optional[int]:
        """Reap the process if it has ended, and return `returncode`."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        """Wait for the process to end, reap it, and return `returncode`."""
        status = self._reap(0)
        assert status is not None
        return status

    def _reap(self, options: int) -> Optional[int]:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                killed = os.WIFSIGNALED(status)
                self.returncode = -os.WTERMSIG(status) if killed else os.WEXITSTATUS(status)
        return self.returncode


def start(
    command: Sequence[str], env: Optional[Mapping[str, str]] = None, pass_fds: Sequence[int] = ()
) -> Child:
    """Start the command with `env` added to the environment, and our descriptors `pass_fds`.

    Raises CannotStart.
    """
    try:
        process = subprocess.Popen(
            command,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    except OSError as error:
        raise CannotStart(command[0], error.strerror) from error
    return Child(process)


class Child:
    """A child process in its own session, so that everything it starts can be killed with it."""

    def __init__(self, process: Union[subprocess.Popen[bytes], Forked], stderr: str = "") -> None:
        """stderr: what was written to it on behalf of the process, before there was one."""
        self._process = process
        self._tail = bytearray(stderr.encode("utf-8", "replace"))
        self._read = bytearray()  # of stdout, not yet handed out
        self._stderr_reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._stderr_reader.start()

    def send(self, line: str) -> None:
        """Write an ASCII line to its stdin. If the child has ended, the next `read_line` raises Exited."""
        assert self._process.stdin is not None
        try:
            _write_all(self._process.stdin.fileno(), line.encode("ascii"))
        except OSError:
            pass

    def read_line(self, timeout_s: float, most_bytes: int) -> str:
        """Return the next line of its stdout. Raises NoAnswer, BadAnswer (too long, not ASCII) or Exited."""
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        end = self._read.find(b"\n")
        while end < 0:
            if not select.select([pipe], [], [], timeout_s)[0]:
                self.close(kill=True)
                raise NoAnswer(timeout_s)
            data = os.read(pipe, _READ_BYTES)
            if not data:
                raise self._exited()
            searched = len(self._read)
            self._read += data
            if len(self._read) > most_bytes:
                raise self.refused()
            end = self._read.find(b"\n", searched)
        line = self._read[:end]
        self._read = self._read[end + 1 :]
        try:
            return line.decode("ascii")
        except UnicodeDecodeError:
            raise self.refused() from None

    def refused(self) -> BadAnswer:
        """Kill the child because of what it sent. Returns the error to raise."""
        self.close(kill=True)
        return BadAnswer()

    def end(self) -> None:
        """Close its stdin, at the end of which it ends by itself. Does not wait for that."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass

    def close(self, kill: bool = False) -> None:
        """End the process and everything it started. Without `kill`, it may finish by itself first."""
        self.end()
        if not kill:
            self._wait()
        self.kill()
        self._process.wait()
        self._reap_orphans()
        self._stderr_reader.join(timeout=1)

    def kill(self) -> None:
        """Kill the process and everything it started. Thread-safe."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def stderr_tail(self) -> str:
        """Return the last 16 KiB that it wrote to stderr."""
        return self._tail.decode("utf-8", "replace")

    def _wait(self) -> None:
        """Wait up to 5 s for the process to end, which closes its stdout, so that no polling is needed."""
        assert self._process.stdout is not None
        pipe, deadline = self._process.stdout.fileno(), time.monotonic() + _END_S
        left = _END_S
        while left > 0 and select.select([pipe], [], [], left)[0] and os.read(pipe, _READ_BYTES):
            left = deadline - time.monotonic()
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    def _reap_orphans(self) -> None:
        """Reap what it had started and was killed with it, if that has become ours (see adopt_orphans)."""
        deadline = time.monotonic() + _REAP_S
        try:
            while os.waitpid(-self._process.pid, os.WNOHANG)[0] or time.monotonic() < deadline:
                time.sleep(_POLL_S)
        except ChildProcessError:
            pass  # there is no more of it

    def _exited(self) -> Exited:
        self.close()
        last = self.stderr_tail().strip().splitlines()[-1:]
        assert self._process.returncode is not None
        return Exited(self._process.returncode, last[0][:_LAST_WORDS] if last else "")

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        while True:
            data = os.read(self._process.stderr.fileno(), 65536)
            if not data:
                return
            self._tail += data
            del self._tail[:-_STDERR_TAIL_BYTES]


def output_of(command: Sequence[str], timeout_s: float) -> Optional[str]:
    """Return what a program prints to stdout; None if it can't be started or takes too long."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("ascii", "replace")


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else "signal %d" % number
