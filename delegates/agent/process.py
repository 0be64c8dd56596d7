"""The conductor's hold on one worker process: ask, wait no longer than told, learn how it ended."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
from typing import Any, Dict, Mapping, Optional, Sequence

from ..wire import MAX_LINE_BYTES

_STDERR_TAIL_BYTES = 16 * 1024
_DOING = {
    "runtime": "importing the runtime",
    "load": "loading the model",
    "allocate": "allocating tensors",
    "invoke": "running inference",
}


class Lost(Exception):
    """The worker can give no more answers."""

    def __init__(self, stage: str, reason: str, signal_name: Optional[str] = None) -> None:
        super().__init__(reason)
        self.stage, self.reason, self.signal_name = stage, reason, signal_name


class Worker:
    """A worker process of its own session, so that it can be killed with all it started."""

    def __init__(
        self, python: str, arguments: Sequence[str], first_line: str, env: Optional[Mapping[str, str]] = None
    ) -> None:
        """Start a Python and send it the first line. Raises Lost when it can't be started."""
        self.stage = "runtime"
        self._tail = bytearray()
        self._answers = bytearray()  # read, but not yet a whole line
        # One thread a worker is enough for numpy; its pool would only take memory and time.
        full_env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", **(env or {})}
        python = os.path.expanduser(python)
        try:
            self._process = subprocess.Popen(
                [python, *arguments],
                env=full_env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise Lost("runtime", "cannot start %s: %s" % (python, error.strerror)) from error
        self._stderr_reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._stderr_reader.start()
        self._write(first_line)

    def send(self, command: Dict[str, Any]) -> None:
        self._write(json.dumps(command) + "\n")

    def answer(self, key: str, timeout_s: float) -> Dict[str, Any]:
        """The next message that holds `key`; stage notes on the way are remembered. Raises Lost."""
        while True:
            message = self._next(timeout_s)
            if "failed" in message:
                raise Lost(message["failed"], message["reason"])
            self.stage = message.get("stage", self.stage)
            if key in message:
                return dict(message)

    def close(self, kill: bool = False) -> None:
        """End the process and everything it started; without `kill` it may finish by itself first."""
        stdin = self._process.stdin
        if stdin is not None:
            try:
                stdin.close()
            except OSError:
                pass
        if not kill:
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                pass
        self.kill()
        self._process.wait()
        self._stderr_reader.join(timeout=1)

    def kill(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def stderr_tail(self) -> str:
        return self._tail.decode("utf-8", "replace")

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode("ascii"))
            self._process.stdin.flush()
        except OSError:
            pass  # it is gone; the next answer says how it ended

    def _next(self, timeout_s: float) -> Dict[str, Any]:
        """The next message. Raises Lost when there is none in time, or no more."""
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._answers:
            if not select.select([pipe], [], [], timeout_s)[0]:
                doing = _DOING[self.stage]
                self.close(kill=True)
                raise Lost("timeout", "no answer for %g s while %s" % (timeout_s, doing))
            data = os.read(pipe, 1 << 20)
            if not data:
                raise self._how_it_ended()
            self._answers += data
            if len(self._answers) > MAX_LINE_BYTES:
                raise self._nonsense()
        line, _, rest = self._answers.partition(b"\n")
        self._answers = rest
        try:
            message = json.loads(line.decode("ascii"))
        except ValueError:
            raise self._nonsense() from None
        if not isinstance(message, dict):
            raise self._nonsense()
        return message

    def _nonsense(self) -> Lost:
        self.close(kill=True)
        return Lost("crash", "the worker sent something that is no answer while %s" % _DOING[self.stage])

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        while True:
            data = os.read(self._process.stderr.fileno(), 65536)
            if not data:
                return
            self._tail += data
            del self._tail[:-_STDERR_TAIL_BYTES]

    def _how_it_ended(self) -> Lost:
        self.close()
        status = self._process.returncode
        doing = _DOING[self.stage]
        if status >= 0:
            said = self.stderr_tail().strip().splitlines()[-1:]
            reason = "the worker ended with exit status %d while %s" % (status, doing)
            return Lost("crash", reason + (": " + said[0][:200] if said else ""))
        name = signal.Signals(-status).name if -status in set(signal.Signals) else "signal %d" % -status
        reason = "the worker was killed by %s while %s" % (name, doing)
        if name == "SIGKILL":
            reason += "; the kernel does that when memory runs out"
        return Lost("crash", reason, name)
