"""Capture what native libraries write while a model is opened, and pass it on to stderr.

It is the only place where runtimes say which ops a delegate took, and why not the others. A forked process
copies it: a thread could deadlock, because libraries may write while they hold Python's lock.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from typing import Any

_KEPT_BYTES = 1 << 20
_DESCRIPTORS = 256  # more than a worker ever has
_COPIER_ENDS_S = 2.0  # a process started by a library may keep the pipe open for longer


class StderrCapture:
    """A context manager that captures what is written to file descriptors 1 and 2.

    It also goes to stderr. Afterwards `text` holds it, at most its first megabyte.
    """

    text = ""

    def __enter__(self) -> StderrCapture:
        self._kept = tempfile.TemporaryFile()
        read_end, write_end = os.pipe()
        self._stderr = os.dup(2)
        self._copier = os.fork()
        if self._copier == 0:
            _copy(read_end, self._stderr, self._kept.fileno())
        os.close(read_end)
        os.dup2(write_end, 1)
        os.dup2(write_end, 2)
        os.close(write_end)
        return self

    def __exit__(self, *raised: Any) -> None:
        os.dup2(self._stderr, 1)
        os.dup2(self._stderr, 2)
        os.close(self._stderr)
        self._wait_for_copier()
        self._kept.seek(0)
        self.text = self._kept.read(_KEPT_BYTES).decode("utf-8", "replace")
        self._kept.close()

    def _wait_for_copier(self) -> None:
        """Wait until the copier ends, which it does once the pipe is closed; kill it after a while."""
        deadline = time.monotonic() + _COPIER_ENDS_S
        while os.waitpid(self._copier, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self._copier, signal.SIGKILL)
                os.waitpid(self._copier, 0)
                return
            time.sleep(0.0005)


def _copy(source: int, target: int, kept: int) -> None:
    """Copy until the end of `source`, then exit. Runs in the forked process and never returns."""
    try:
        needed = sorted((source, target, kept))
        for low, high in zip([-1, *needed], [*needed, _DESCRIPTORS]):
            os.closerange(low + 1, high)
        room = _KEPT_BYTES
        while True:
            data = os.read(source, 65536)
            if not data:
                break
            if room > 0:
                os.write(kept, data[:room])
                room -= len(data)
            os.write(target, data)
    finally:
        os._exit(0)
