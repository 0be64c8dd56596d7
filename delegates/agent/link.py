"""The conductor's link to one worker process: a command, its answer, or why there will be none."""

from __future__ import annotations

import functools
import os
from typing import Any, List, Optional, Type, TypeVar

from .. import codec
from ..processes import CannotStart, Child, ChildError, NoAnswer
from ..wire import Job
from . import messages
from .messages import Command, Failed, Stage

_DOING = {
    "runtime": "importing the runtime",
    "load": "loading the model",
    "allocate": "allocating tensors",
    "invoke": "running inference",
}
# One thread a worker is enough for numpy; its pool would only take memory and time.
_ENV = {"OPENBLAS_NUM_THREADS": "1"}

T = TypeVar("T")

# There are few commands, each of which is sent again and again.
_encoded = functools.lru_cache(maxsize=None)(codec.encode)


class WorkerLost(Exception):
    """The worker gives no more answers. `stage` is one of wire.STAGES, the text a reason for the user."""

    def __init__(self, stage: str, reason: str, signal_name: Optional[str] = None) -> None:
        super().__init__(reason)
        self.stage, self.reason, self.signal_name = stage, reason, signal_name


class WorkerLink:
    """One worker from its start to its end. Every method that waits for it may raise WorkerLost."""

    def __init__(self, job: Job, arguments: List[str]) -> None:
        """Start the job's Python with `arguments`, and send it the job."""
        self._stage = "runtime"
        try:
            self._child = Child([os.path.expanduser(job.python), *arguments], {**_ENV, **job.env})
        except CannotStart as error:
            raise self._lost(error) from error
        self._child.send(codec.encode(job))

    def ask(self, command: Command, answer: Type[T], timeout_s: float) -> T:
        """Send a command; its answer. `timeout_s` is what may pass between two lines of the worker's."""
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

    def close(self) -> None:
        """Let the worker end, and see that it does."""
        self._child.close()

    def kill(self) -> None:
        """End the worker at once; may be called from another thread."""
        self._child.kill()

    def stderr_tail(self) -> str:
        """The last 16 KiB that the worker wrote to stderr."""
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
