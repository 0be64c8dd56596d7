"""Have every machine measure its jobs, all at the same time; take each answer into the run as it comes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType

from delegates.wire import Done, Failure, Launch, Progress, Request, SystemInfo
from harness.devices.machines import Machine
from harness.devices.transports.connection import Connection
from harness.errors import DeviceError
from harness.store import Cell, Run


@dataclass(frozen=True)
class Task:
    """What one machine is asked for."""

    machine: Machine
    request: Request


@dataclass(frozen=True)
class _Failure:
    reason: str
    reached: bool  # the conductor had the request and the link is there: what failed is the conductor
    linked: bool = False  # it ended by itself, before it was done, and can be asked again


class Execution:
    """The tasks of a run while they are worked on. `changed` is called whenever the run knows more."""

    def __init__(
        self,
        run: Run,
        tasks: Sequence[Task],
        changed: Callable[[], None],
        progress: Callable[[str, Progress], None],
        note: Callable[[str], None],
    ) -> None:
        self.run, self.tasks = run, tasks
        self._changed, self._progress, self._note = changed, progress, note
        self._lock = threading.Lock()  # the run is one, the machines are several
        self._cells = {cell.id: cell for cell in run.cells}
        self._talking: dict[int, Connection] = {}  # by thread
        self._stopped = threading.Event()
        self._closed = False  # whoever made the run has it for himself again

    def measure(self) -> None:
        """Until every machine has answered, or has been lost.

        Ctrl-C (SIGTERM, SIGHUP) asks the machines to stop: what they have measured so far still comes, and
        `run.interrupted` is set. A second one raises KeyboardInterrupt; from then on the run stays as it is.
        """
        threads = [threading.Thread(target=self._drive, args=(task,), daemon=True) for task in self.tasks]
        with self._interruptible():
            try:
                for thread in threads:
                    thread.start()
                for thread in threads:
                    while thread.is_alive():
                        thread.join(0.2)  # not for ever: signals are handled between the calls
            except KeyboardInterrupt:
                with self._lock:
                    self._closed = True
                raise

    def stop(self) -> None:
        self._stopped.set()
        for connection in list(self._talking.values()):
            connection.stop()

    def _drive(self, task: Task) -> None:
        """One machine: ask; after a lost link ask once more for what is missing."""
        machine = task.machine
        failure = self._new_connection(machine, task.request)
        rest = self._rest(task.request)
        if failure is not None and rest.jobs and self._is_there_again(machine, failure):
            self._note(f"{machine.name} is there again; measuring what is missing")
            failure = self._new_connection(machine, rest)
        if failure is not None and not self._stopped.is_set():
            self._lose(machine, self._rest(task.request), failure)
        self._tell()

    def _is_there_again(self, machine: Machine, failure: _Failure) -> bool:
        return failure.linked or machine.transport.restore_link(self._stopped)

    def _new_connection(self, machine: Machine, request: Request) -> _Failure | None:
        """Take all answers to one request. Returns what went wrong, if something did."""
        try:
            connection = machine.transport.start(request)
        except (DeviceError, OSError) as error:
            return _Failure(str(error), reached=False)
        self._talking[threading.get_ident()] = connection
        if self._stopped.is_set():
            connection.stop()
        problem, whole = None, False
        try:
            for message in connection:
                whole = isinstance(message, Done) and not message.interrupted
                self._take(machine, request, message)
        except (DeviceError, OSError) as error:  # OSError: a file to be uploaded has gone
            problem = str(error)
        finally:
            ended = connection.close()
        if problem is None and ended is None:
            if whole or self._stopped.is_set():
                return None
            reason = f"{machine.name} had not heard from here for too long, and stopped"
            return _Failure(reason, reached=False, linked=True)
        if connection.asked and not machine.transport.link_is_up():
            return _Failure(f"the link to {machine.name} was lost", reached=False)
        return _Failure(str(problem or ended), reached=connection.asked)

    def _take(self, machine: Machine, request: Request, message: object) -> None:
        if isinstance(message, Progress):
            self._progress(machine.name, message)
        elif isinstance(message, SystemInfo):
            with self._open():
                self._take_facts(machine, message)
        elif isinstance(message, Launch | Failure):
            with self._open():
                news = self._take_answer(request, message)
            if news:
                self._tell()

    def _take_answer(self, request: Request, message: Launch | Failure) -> bool:
        """A machine can answer for the cells it was asked for only, and for each launch once.

        Returns whether anything is known now that was not known before.
        """
        if message.job not in {job.id for job in request.jobs}:
            return False
        cell = self._cells[message.job]
        launches = {m.launch for m in cell.measurements}
        most = 2 * request.max_launches  # a link is lost at most once
        if cell.refusal is not None:
            return False
        if isinstance(message, Failure):
            cell.refusal = message
        elif message.launch not in launches and len(launches) < most:
            known = any(m.outputs for m in cell.measurements)
            cell.measurements.append(replace(message, outputs=[]) if known else message)
        else:
            return False
        return True

    def _take_facts(self, machine: Machine, facts: SystemInfo) -> None:
        names = {profile.name for profile in machine.profiles}
        for device in (device for device in self.run.devices if device.profile.name in names):
            changing = dict(facts.changing)
            if device.profile.place == "local":  # what we ourselves use there is no neighbour's
                changing["home_cpu_s"] = sum(os.times()[:2])
            if facts.when != "before":
                device.facts_after = changing
            elif not device.facts_before:
                device.machine, device.facts_before = facts.machine, changing

    def _rest(self, request: Request) -> Request:
        """What is still to be asked: models with a cell that has fewer launches than an interval needs.

        All cells of such a model are asked for again, because only what is measured together compares.
        """
        with self._lock:
            open_ = {j.group for j in request.jobs if _unfinished(self._cells[j.id], request.min_launches)}
            cells = [self._cells[job.id] for job in request.jobs]
            last = max((m.launch for cell in cells for m in cell.measurements), default=-1)
            jobs = [j for j in request.jobs if j.group in open_ and self._cells[j.id].refusal is None]
        return replace(request, jobs=jobs, first_launch=last + 1)

    def _lose(self, machine: Machine, rest: Request, failure: _Failure) -> None:
        """What is still to be asked was lost with the conductor, or with the link to it."""
        jobs, launches = rest.jobs, rest.min_launches
        with self._open():
            for cell in (self._cells[job.id] for job in jobs):
                if _unfinished(cell, launches):
                    stage = "crash" if failure.reached else "link"
                    cell.refusal = Failure(cell.id, 0, stage, failure.reason)
            names = {profile.name for profile in machine.profiles}
            for device in (device for device in self.run.devices if device.profile.name in names):
                if jobs and not failure.reached:
                    device.problem = failure.reason

    def _tell(self) -> None:
        with self._open():
            self._changed()

    @contextmanager
    def _open(self) -> Iterator[None]:
        """The run, for changes and for looking at it; a thread that comes too late ends here."""
        with self._lock:
            if self._closed:
                raise SystemExit
            yield

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """For a while, the first Ctrl-C, SIGTERM or SIGHUP stops the machines instead of raising."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are the main thread's
            return

        def on_signal(number: int, frame: FrameType | None) -> None:
            if self.run.interrupted:
                raise KeyboardInterrupt
            self.run.interrupted = True
            self.stop()

        heeded = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, on_signal) for number in heeded}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _unfinished(cell: Cell, launches: int) -> bool:
    return cell.refusal is None and len(cell.measurements) < launches
