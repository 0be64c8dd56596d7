"""The conductor's process: answers one request of home, and stops when home goes away."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from dataclasses import replace
from typing import Callable, Dict, List

from .. import streams
from ..probe import ask, facts
from ..wire import Done, Job, Message, Request, decode, encode
from . import cores
from .conductor import Emit, Group
from .workers import Workers

_STOP_S = 2.0  # after a stop, for the current block to end
_LAST_ANSWERS_S = 10.0  # then, for home to read the last answers; a frozen link must not block the exit


def main() -> None:
    """Answer the request on stdin. When stdin ends, stop and send what was measured."""
    out = streams.take_stdout()
    lock = threading.Lock()

    def write(line: str) -> None:
        with lock:
            streams.write(out, line)

    def emit(message: Message) -> None:
        write(encode(message))

    request = _read_request()
    if request.quiet_s:
        threading.Thread(target=_heartbeat, args=(write, request.quiet_s / 4), daemon=True).start()
    try:
        if request.do == "probe":
            _when_home_goes(request.quiet_s, lambda: os._exit(0))
            probe(request, emit)
        else:
            run(request, emit)
    except BrokenPipeError:
        os._exit(1)  # home is gone; workers die with us


def probe(request: Request, emit: Emit) -> None:
    """Probe the Pythons that the request names, and describe the machine."""
    for question in request.questions:
        emit(ask.answer(question, [sys.argv[0], "probe"]))
    emit(facts.facts("before"))


def run(request: Request, emit: Emit) -> None:
    """Measure the request's jobs, one group after the other."""
    stopped = threading.Event()
    groups = [Group(jobs, request, Workers([sys.argv[0]]), emit) for jobs in grouped(request.jobs)]

    def stop() -> None:
        stopped.set()
        time.sleep(_STOP_S)
        for group in groups:
            group.kill()
        time.sleep(_LAST_ANSWERS_S)
        os._exit(1)

    _when_home_goes(request.quiet_s, stop)
    emit(facts.facts("before"))
    for group in groups:
        group.run(stopped)
    emit(facts.facts("after"))
    emit(Done(interrupted=stopped.is_set()))


def grouped(jobs: List[Job]) -> List[List[Job]]:
    """Return the jobs by group, each pinned to the CPUs that it will run on."""
    groups: Dict[str, List[Job]] = {}
    for job in jobs:
        pinned = job if job.affinity else replace(job, affinity=cores.fastest(job.threads))
        groups.setdefault(job.group, []).append(pinned)
    return list(groups.values())


def _read_request() -> Request:
    """Read the request: the first line that is not empty. Empty lines are heartbeats."""
    line = "\n"
    while line == "\n":
        line = sys.stdin.readline()
    if not line:
        sys.exit(1)  # home left before it asked
    request = decode(line)
    assert isinstance(request, Request)
    return request


def _heartbeat(write: Callable[[str], None], every_s: float) -> None:
    """Write empty lines, so that home can tell a busy board from a dead one."""
    while True:
        time.sleep(every_s)
        try:
            write("\n")
        except OSError:
            return  # home is gone, which `_when_home_goes` notices


def _when_home_goes(quiet_s: float, then: Callable[[], None]) -> None:
    """Call `then` in a thread once stdin ends, or brings nothing for `quiet_s` (0: no limit)."""

    def watch() -> None:
        # Home sends nothing but heartbeats after the request.
        while select.select([0], [], [], quiet_s or None)[0] and os.read(0, 65536):
            pass
        then()

    threading.Thread(target=watch, daemon=True).start()
