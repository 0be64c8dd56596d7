"""The machines behind device profiles: open them, and probe all at the same time."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from threading import Timer

from delegates.wire import ProbeRequest, ProbeResult, Request, SystemInfo
from harness.config import DeviceProfile, SshTarget
from harness.devices import questions
from harness.devices.timeouts import Timeouts
from harness.devices.transports import Transport, bundle
from harness.devices.transports.local import LocalTransport
from harness.devices.transports.ssh import SshTransport
from harness.devices.transports.ssh_command import by_hand
from harness.errors import DeviceError

Note = Callable[[str], None]
LOCAL = "local"
_LONGEST_S = 180.0  # to probe one machine


@dataclass
class Machine:
    """One machine, and the profiles that are measured on it."""

    profiles: list[DeviceProfile]
    transport: Transport
    facts: SystemInfo | None = None
    answers: dict[str, ProbeResult] = field(default_factory=dict)  # by profile key
    problem: str | None = None  # why it can't be reached

    @property
    def name(self) -> str:
        """The machine's name in messages."""
        return self.transport.name

    @property
    def id(self) -> str:
        """The machine's name in the record, which reveals neither host nor user."""
        first = self.profiles[0]
        return LOCAL if first.ssh is None else f"ssh:{first.name}"


@contextmanager
def open_all(
    profiles: Sequence[DeviceProfile],
    note: Note,
    timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
) -> Iterator[list[Machine]]:
    """Open the machines of these profiles, in the profiles' order, and close all links at the end."""
    by_target: dict[SshTarget | None, list[DeviceProfile]] = {}
    for profile in profiles:
        by_target.setdefault(profile.ssh, []).append(profile)
    machines: list[Machine] = []
    with ExitStack() as stack:
        for target, group in by_target.items():
            machines.append(Machine(group, _transport(target, group, note, timeouts)))
            stack.callback(machines[-1].transport.close)
        _name_apart([machine for machine in machines if machine.id != LOCAL])
        yield machines


def _name_apart(boards: Sequence[Machine]) -> None:
    """Add the profiles to the names of boards that share a host, as behind different ports."""
    hosts = [board.name for board in boards]
    for board in boards:
        if hosts.count(board.name) > 1:
            names = dict.fromkeys(profile.name for profile in board.profiles)
            board.transport.name += f" ({', '.join(names)})"


def _transport(
    target: SshTarget | None, profiles: Sequence[DeviceProfile], note: Note, timeouts: Timeouts
) -> Transport:
    built = bundle.build()
    if target is None:
        return LocalTransport(built, note)
    python = next((profile.python for profile in profiles if profile.python and profile.side != "base"), None)
    return SshTransport(target, built, python, note, timeouts)


def probe_all(
    machines: Sequence[Machine],
    look: str = "further",
    note: Note | None = None,
    lost: Note | None = None,
) -> None:
    """Set each machine's facts and answers, or the problem if it can't be reached.

    look: of wire.ProbeRequest, for boards. note: called if another Python than the profile's is used. lost:
    called with a machine's problem as soon as it is known.
    """

    def probe(machine: Machine) -> None:
        _probe(machine, look)
        if lost and machine.problem is not None:
            lost(machine.problem)

    pool = ThreadPoolExecutor(max_workers=max(1, len(machines)))
    try:
        list(pool.map(probe, machines))
    except BaseException:  # Ctrl-C: closing the transports ends the threads
        for machine in machines:
            machine.transport.close()
        raise
    finally:
        pool.shutdown()
    for machine in machines:
        for profile in machine.profiles:
            answer = machine.answers[profile.key]
            if note and answer.error is None and answer.python != machine.transport.python(profile.python):
                note(f"device {profile.name}: using {answer.python}, because python3 there can't run models")


def _probe(machine: Machine, look: str) -> None:
    requests = _requests(machine, look)
    merged, indices = questions.merge(requests)
    try:
        machine.facts, found = _ask(machine.transport, merged)
        answers = [questions.part(found[i], request) for i, request in zip(indices, requests, strict=True)]
    except DeviceError as error:
        machine.problem = str(error)
        answers = [ProbeResult(p.python or "", error=machine.problem) for p in machine.profiles]
    for profile, answer in zip(machine.profiles, answers, strict=True):
        machine.answers[profile.key] = replace(answer, error=_explained(answer, profile.ssh))


def _requests(machine: Machine, look: str) -> list[ProbeRequest]:
    return [
        ProbeRequest(
            python=machine.transport.python(profile.python),
            runtime=profile.runtime,
            delegates=[delegate.name for delegate in profile.delegates],
            options={delegate.name: dict(delegate.options) for delegate in profile.delegates},
            env=dict(profile.env),
            look=look if profile.ssh is not None else "here",
            instead=profile.python is None,
        )
        for profile in machine.profiles
    ]


def _ask(transport: Transport, requests: list[ProbeRequest]) -> tuple[SystemInfo, list[ProbeResult]]:
    """Return the machine's facts, and one answer per request in order. Raises DeviceError."""
    connection = transport.start(Request("probe", questions=requests))
    answers: list[ProbeResult] = []
    facts = None
    # The run waits for the slowest machine, which may have many Pythons.
    late = Timer(_LONGEST_S, connection.give_up, [f"was not done after {_LONGEST_S:g} s"])
    late.start()
    try:
        for message in connection:
            if isinstance(message, ProbeResult) and len(answers) < len(requests):
                answers.append(message)
            elif isinstance(message, SystemInfo):
                facts = message
    finally:
        late.cancel()
        ended = connection.close()
    if len(answers) != len(requests) or facts is None:
        raise DeviceError(f"probing {transport.name} failed: {ended or 'answers are missing'}")
    return facts, answers


def _explained(answer: ProbeResult, target: SshTarget | None) -> str | None:
    """Return the answer's error, with the other Pythons found and the command that makes one."""
    if answer.error is None or target is None or answer.advice is None:
        return answer.error
    others = f"; also there: {', '.join(answer.others)}" if answer.others else ""
    command = f"{by_hand(target)} {shlex.quote(answer.advice)}"
    return f"{answer.error}{others}; name another Python with python, or make one: {command}"
