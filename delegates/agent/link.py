"""The conductor's link to one worker: send a command, return its answer or raise WorkerLost."""

from __future__ import annotations

import functools
from typing import Any, Optional, Type, TypeVar

from .. import codec
from ..processes import CannotStart, ChildError, NoAnswer
from ..wire import Job
from . import messages
from .messages import Command, Failed, Stage
from .workers import Workers

_DOING = {
    "runtime": "importing the runtime",
    "load": "loading the model",
    "allocate": "allocating tensors",
    "invoke": "running inference",
}

T = TypeVar("T")

# Cached, because the same few commands are sent again and again.
_encoded = functools.lru_cache(maxsize=64)(messages.encode)


class WorkerLost(Exception):
    """The worker will not answer any more. stage: one of wire.STAGES. The text is a reason for the user."""

    def __init__(self, stage: str, reason: str, signal_name: Optional[str] = None) -> None:
        super().__init__(reason)
        self.stage, self.reason, self.signal_name = stage, reason, signal_name


class WorkerLink:
    """A worker process, from start to end. Methods that wait for it may raise WorkerLost.

    launcher: which one has forked it; None for a fresh process.
    """

    def __init__(self, job: Job, workers: Workers) -> None:
        """Start a worker, and send the job."""
        self._stage = "runtime"
        try:
            self._child, self.launcher = workers.start(job)
        except CannotStart as error:
            raise self._lost(error) from error
        self._child.send(messages.encode(job))

    def ask(self, command: Command, answer: Type[T], timeout_s: float) -> T:
        """Send a command and return its answer. timeout_s: the longest wait for each line of the worker."""
        self._child.send(_encoded(command))
        while True:
            message = self._next(timeout_s)
            if isinstance(message, answer):
                return message
            if isinstance(message, Failed):
                raise WorkerLost(message.stage, message.reason)
            if not isinstance(message, Stage) or message.name not in _DOING:
                raise self._lost(self._child.refused())
            self._stage = message.name

    def end(self) -> None:
        """Let the worker end. Does not wait for it."""
        self._child.end()

    def close(self) -> None:
        """Let the worker end, and kill it if it does not."""
        self._child.close()

    def kill(self) -> None:
        """Kill the worker. Thread-safe."""
        self._child.kill()

    def stderr_tail(self) -> str:
        """Return the last 16 KiB that the worker wrote to stderr."""
        return self._child.stderr_tail()

    def _next(self, timeout_s: float) -> Any:
        try:
            return messages.decode(self._child.read_line(timeout_s, codec.MAX_LINE_BYTES))
        except codec.WireError:
            raise self._lost(self._child.refused()) from None
        except ChildError as error:
            raise self._lost(error) from None

    def _lost(self, error: ChildError) -> WorkerLost:
        stage = "crash"
        if isinstance(error, CannotStart):
            stage = "runtime"
        elif isinstance(error, NoAnswer):
            stage = "timeout"
        return WorkerLost(stage, error.sentence("the worker", _DOING[self._stage]), error.signal_name)
