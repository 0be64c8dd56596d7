"""What native libraries write while a model is opened: heard, and passed on.

Runtimes say on file descriptor 2 alone what a delegate took and why not the rest. A thread could not read
along, as libraries may write while they hold Python's lock; a forked process can, whatever is written and
however this process ends.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time

_KEPT_BYTES = 1 << 20
_DESCRIPTORS = 256  # more than a worker ever has
_PATIENCE_S = 2.0  # for the rest of the text: something that was started may hold the pipe open


class Heard:
    """From now until `stop`, descriptors 1 and 2 are written to the old 2 and kept, too."""

    def __init__(self) -> None:
        self._kept = tempfile.TemporaryFile()
        read_end, write_end = os.pipe()
        self._before = os.dup(2)
        self._pid = os.fork()
        if self._pid == 0:
            _pass_on(read_end, self._before, self._kept.fileno())
        os.close(read_end)
        os.dup2(write_end, 1)
        os.dup2(write_end, 2)
        os.close(write_end)

    def stop(self) -> str:
        """Listen no longer. Returns what was written, at most its first megabyte."""
        os.dup2(self._before, 1)
        os.dup2(self._before, 2)
        os.close(self._before)
        self._wait()
        self._kept.seek(0)
        text = self._kept.read(_KEPT_BYTES).decode("utf-8", "replace")
        self._kept.close()
        return text

    def _wait(self) -> None:
        """The listener ends when nobody holds the pipe any more."""
        deadline = time.monotonic() + _PATIENCE_S
        while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
                return
            time.sleep(0.0005)


def _pass_on(source: int, target: int, kept: int) -> None:
    """In the forked process: copy until the end, then end. Never returns."""
    try:
        open_here = sorted((source, target, kept))
        for low, high in zip([-1, *open_here], [*open_here, _DESCRIPTORS]):
            os.closerange(low + 1, high)
        left = _KEPT_BYTES
        while True:
            data = os.read(source, 65536)
            if not data:
                break
            if left > 0:
                os.write(kept, data[:left])
                left -= len(data)
            os.write(target, data)
    finally:
        os._exit(0)
