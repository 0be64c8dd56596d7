"""Have all machines measure their jobs at the same time, and append each answer to the record."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from delegates.wire import Done, Evaluated, Failure, Launch, Progress, Request, SystemInfo
from harness.devices.machines import LOCAL, Machine
from harness.devices.transports.connection import Connection
from harness.errors import DeviceError
from harness.record.ended import Ended
from harness.record.events import Lost, SystemFacts
from harness.record.plain import plain_object
from harness.session.jobs import Task
from harness.session.progress import Cells
from harness.session.watcher import Watcher
from harness.store import Writer

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_JOIN_S = 5.0


@dataclass(frozen=True)
class _Failed:
    """Why a machine's answers broke off."""

    reason: str
    by_agent: bool  # the agent itself failed: it had the request, and the link is up
    can_ask_again: bool = False  # the agent ended in order, but before it was done


class Measuring:
    """The tasks of a run, and the machines that work on them."""

    def __init__(self, writer: Writer, tasks: Sequence[Task], watcher: Watcher) -> None:
        self.interrupted = False
        self._writer, self._tasks, self._watcher = writer, tasks, watcher
        self._lock = threading.Lock()  # several machines append to one record
        self._cells = Cells(job.id for task in tasks for job in task.request.jobs)
        self._connections: dict[int, Connection] = {}  # by thread
        self._described: set[str] = set()  # ids of machines whose facts are recorded
        self._stopped = threading.Event()
        self._closed = False  # once set, nothing more is recorded

    def measure(self) -> None:
        """Measure until every machine is done or lost.

        The first Ctrl-C (SIGTERM, SIGHUP) sets `interrupted` and asks the machines to stop; they still send
        what they have measured. The second one ends the wait for them.
        """
        threads = [threading.Thread(target=self._drive, args=(task,), daemon=True) for task in self._tasks]
        with self._interruptible():
            try:
                for thread in threads:
                    thread.start()
                for thread in threads:
                    while thread.is_alive():
                        thread.join(_JOIN_S)  # a timeout, so that signals are handled in between
            except KeyboardInterrupt:  # the second one
                with self._lock:
                    self._closed = True

    def stop(self) -> None:
        """Ask all machines to stop."""
        self._stopped.set()
        for connection in list(self._connections.values()):
            connection.stop()

    def _drive(self, task: Task) -> None:
        """Ask one machine, and after a lost link once more for what is missing."""
        machine, request = task.machine, task.request
        failed = self._ask(machine, request)
        rest = self._rest(request)
        if failed is not None and rest.jobs and self._is_back(machine, failed):
            self._watcher.note(f"{machine.name} is there again; measuring what is missing")
            failed = self._ask(machine, rest)
        if failed is not None and not self._stopped.is_set():
            self._lose(machine, self._rest(request), failed)
        if not self._stopped.is_set():
            with self._recording():
                self._record_ends(self._cells.finish(request))

    def _is_back(self, machine: Machine, failed: _Failed) -> bool:
        return failed.can_ask_again or machine.transport.restore_link(self._stopped)

    def _rest(self, request: Request) -> Request:
        with self._lock:
            return self._cells.rest(request)

    def _ask(self, machine: Machine, request: Request) -> _Failed | None:
        """Send a request and record all answers. Returns why they broke off, or None if they did not."""
        try:
            connection = machine.transport.start(request)
        except (DeviceError, OSError) as error:
            return _Failed(str(error), by_agent=False)
        self._connections[threading.get_ident()] = connection
        if self._stopped.is_set():
            connection.stop()
        problem, complete = None, False
        try:
            for message in connection:
                complete = isinstance(message, Done) and not message.interrupted
                self._handle(machine, request, message)
        except (DeviceError, OSError) as error:  # OSError: a file to upload is gone
            problem = str(error)
        finally:
            ended = connection.close()
        if problem is None and ended is None:
            return None if complete or self._stopped.is_set() else _gave_up(machine)
        if connection.asked and not machine.transport.link_is_up():
            return _Failed(f"the link to {machine.name} was lost", by_agent=False)
        return _Failed(str(problem or ended), by_agent=connection.asked)

    def _handle(self, machine: Machine, request: Request, message: object) -> None:
        if isinstance(message, Progress):
            self._watcher.measured(machine.name, message)
        elif isinstance(message, SystemInfo):
            with self._recording():
                self._record_facts(machine, message)
        elif isinstance(message, Launch):
            with self._recording():
                launch = self._cells.accept(request, message)
                if launch is not None:
                    self._writer.launched(launch.job, launch)
        elif isinstance(message, Evaluated):
            with self._recording():
                if self._cells.accept_evaluated(request, message):
                    self._writer.evaluated(message)
        elif isinstance(message, Failure):
            with self._recording():
                ended = self._cells.fail(request, message)
                if ended is not None:
                    self._writer.ended(message.job, ended)

    def _record_facts(self, machine: Machine, info: SystemInfo) -> None:
        """Record the machine's facts; of those from before measuring only the first."""
        if info.when == "before" and machine.id in self._described:
            return
        self._described.add(machine.id)
        changing = plain_object(info.changing)
        if machine.id == LOCAL:  # qbench's own CPU time must not count as a neighbour's
            changing["home_cpu_s"] = sum(os.times()[:2])
        when = "before" if info.when == "before" else "after"
        self._writer.system_facts(SystemFacts(_names(machine), when, plain_object(info.machine), changing))

    def _lose(self, machine: Machine, rest: Request, failed: _Failed) -> None:
        """Record the end of the cells that were lost with the agent, or with the link to it."""
        stage = "crash" if failed.by_agent else "link"
        with self._recording():
            self._record_ends(self._cells.lose(rest, stage, failed.reason))
            if rest.jobs and not failed.by_agent:
                self._writer.lost(Lost(_names(machine), failed.reason))

    def _record_ends(self, ends: Sequence[tuple[str, Ended]]) -> None:
        for id, ended in ends:
            self._writer.ended(id, ended)

    @contextmanager
    def _recording(self) -> Iterator[None]:
        """Hold the lock on the record. Ends the calling thread if the record is closed."""
        with self._lock:
            if self._closed:
                raise SystemExit
            yield

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let the first Ctrl-C, SIGTERM or SIGHUP stop the machines instead of raising."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread gets signals
            return

        def on_signal(number: int, frame: FrameType | None) -> None:
            if self.interrupted:
                raise KeyboardInterrupt
            self.interrupted = True
            self.stop()

        before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _names(machine: Machine) -> tuple[str, ...]:
    return tuple(dict.fromkeys(profile.name for profile in machine.profiles))


def _gave_up(machine: Machine) -> _Failed:
    reason = f"{machine.name} stopped: it had not heard from this machine for too long"
    return _Failed(reason, by_agent=False, can_ask_again=True)
