"""Start workers: forked from a launcher, which is quicker, or as fresh processes where that is better."""

from __future__ import annotations

import collections
import os
import socket
from array import array
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..backends import registry
from ..probe.machine import adopt_orphans
from ..processes import CannotStart, Child, ChildError, Forked, start
from ..wire import Job
from .messages import READY_TO_FORK

# What the workers of one launcher have in common, such as where libraries lie in memory, must not pass for
# something that all launches have in common.
LAUNCHES_PER_LAUNCHER = 4

# numpy needs no thread pool, which would only take memory and time, and keep a launcher from forking.
_ENV = {"OPENBLAS_NUM_THREADS": "1"}
_ANSWER_BYTES = 100  # at most
_FORK_S = 10.0  # for a launcher to fork a worker

_Key = Tuple[str, str, Tuple[Tuple[str, str], ...]]


class Started(NamedTuple):
    """A worker that was started, and the number of its launcher; None for a fresh process."""

    child: Child
    launcher: Optional[int]


def may_fork(job: Job) -> bool:
    """Return whether workers of a job may be forked."""
    return registry.find(job.delegate).forks and not job.exclusive


class Workers:
    """Starts the workers of a group, one launch after the other."""

    def __init__(self, arguments: Sequence[str], may_fork: Callable[[Job], bool] = may_fork) -> None:
        """arguments: start this program with the role that follows them."""
        self._arguments, self._may_fork = list(arguments), may_fork
        self._launchers: Dict[_Key, Launcher] = {}
        self._unable: Set[_Key] = set()  # these have no working launcher: fresh processes show why

    def prepare(self, jobs: Sequence[Job], number: int) -> None:
        """Start the launchers that launch `number` of the jobs needs, and order their workers.

        A launcher forks workers while others already open their models.
        """
        for key, old in list(self._launchers.items()):
            if number - old.number >= LAUNCHES_PER_LAUNCHER:
                self._launchers.pop(key).close()
        wanted = {_key(job): job for job in jobs if self._may_fork(job)}
        missing = {key: job for key, job in wanted.items() if key not in self._launchers}
        for key, job in missing.items():
            self._start_launcher(key, job, number)
        for key, job in missing.items():
            if key in self._launchers and not self._launchers[key].is_ready(job.timeout_s):
                self._unable.add(key)
                del self._launchers[key]
        for job in filter(self.is_forked, jobs):
            try:
                self._launchers[_key(job)].order()
            except OSError:
                self._give_up(job)

    def is_forked(self, job: Job) -> bool:
        """Return whether a launcher forks the job's worker."""
        return self._may_fork(job) and _key(job) in self._launchers

    def start(self, job: Job) -> Started:
        """Return the worker that was ordered for a job, or start a fresh one. Raises CannotStart."""
        if self.is_forked(job):
            launcher = self._launchers[_key(job)]
            try:
                return Started(launcher.receive(), launcher.number)
            except (ChildError, OSError):
                self._give_up(job)
        return Started(start(_command(job, [*self._arguments, "work"]), _env(job)), None)

    def close(self) -> None:
        """End the launchers."""
        for launcher in self._launchers.values():
            launcher.close()
        self._launchers.clear()

    def kill(self) -> None:
        """Kill the launchers. Thread-safe."""
        for launcher in list(self._launchers.values()):
            launcher.kill()

    def _give_up(self, job: Job) -> None:
        """Close a job's launcher, which has failed: the next launch gets another one."""
        self._launchers.pop(_key(job)).close()

    def _start_launcher(self, key: _Key, job: Job, number: int) -> None:
        if key in self._unable or not adopt_orphans():
            return
        try:
            self._launchers[key] = Launcher(job, self._arguments, number)
        except CannotStart:
            self._unable.add(key)


class Launcher:
    """A launcher's process (see launcher.py). number: of the launch that it was started for."""

    def __init__(self, job: Job, arguments: Sequence[str], number: int) -> None:
        """Start it, for the Python, runtime and environment of a job. Raises CannotStart."""
        self.number = number
        self._ordered: Deque[List[int]] = collections.deque()  # our ends of each worker's pipes
        self._socket, theirs = socket.socketpair()
        role = [*arguments, "launch", str(theirs.fileno()), job.runtime]
        with theirs:
            self._child = start(_command(job, role), _env(job), pass_fds=[theirs.fileno()])

    def is_ready(self, timeout_s: float) -> bool:
        """Wait until it has imported the runtime. If it can't fork workers, it is ended."""
        try:
            if self._child.read_line(timeout_s, _ANSWER_BYTES) == READY_TO_FORK:
                return True
        except ChildError:
            pass
        self.close()
        return False

    def order(self) -> None:
        """Have a worker forked. Raises OSError if the launcher is gone."""
        stdin, stdout, stderr = _pipes(3)
        theirs, ours = [stdin[0], stdout[1], stderr[1]], [stdin[1], stdout[0], stderr[0]]
        self._ordered.append(ours)
        try:
            self._socket.sendmsg([b"f"], _with_descriptors(theirs))
        finally:
            _close(theirs)

    def receive(self) -> Child:
        """Return the next worker that was ordered. Raises ChildError or OSError if the launcher is gone."""
        pid = int(self._child.read_line(_FORK_S, _ANSWER_BYTES))
        return Child(Forked(pid, *self._ordered.popleft()), self._child.stderr_tail())

    def close(self) -> None:
        """End it, and workers that nobody received. Others are the conductor's children, and go on."""
        while self._ordered:
            try:
                self.receive().close(kill=True)
            except (ChildError, OSError):
                _close(self._ordered.popleft())
        self._socket.close()
        self._child.close()

    def kill(self) -> None:
        """Kill it. Thread-safe."""
        self._child.kill()


def _key(job: Job) -> _Key:
    """Return what workers must have in common to be forked from one launcher."""
    return job.python, job.runtime, tuple(sorted(job.env.items()))


def _command(job: Job, arguments: Sequence[str]) -> List[str]:
    return [os.path.expanduser(job.python), *arguments]


def _env(job: Job) -> Dict[str, str]:
    return {**_ENV, **job.env}


def _with_descriptors(descriptors: List[int]) -> List[Tuple[int, int, Any]]:
    """Return ancillary data that passes the descriptors on (socket.send_fds, since Python 3.9)."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))]


def _pipes(count: int) -> List[Tuple[int, int]]:
    """Return so many pipes. Raises OSError if there are too many open files, and then leaves none."""
    pipes: List[Tuple[int, int]] = []
    try:
        for _ in range(count):
            pipes.append(os.pipe())
    except OSError:
        for pipe in pipes:
            _close(pipe)
        raise
    return pipes


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
