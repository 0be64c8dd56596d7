"""Home's one request, answered until home goes away."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from dataclasses import replace
from typing import Callable, List, TextIO

from ..probe import facts, questions
from ..wire import Done, Job, Message, Request, decode, encode
from . import channel, cores
from .conductor import Group

# After home has gone or asked to stop, a block under way may end for so long.
_GRACE_S = 2.0
# And if nobody takes our last answers, because the link is frozen, we go without having given them.
_LAST_WORDS_S = 10.0


def conduct() -> None:
    """Answer the request on stdin; when stdin ends, stop, keeping what was measured."""
    out = channel.take_stdout()
    lock = threading.Lock()

    def emit(message: Message) -> None:
        with lock:
            channel.write(out, encode(message))

    request = _request()
    if request.quiet_s:
        threading.Thread(target=_beat, args=(out, lock, request.quiet_s / 4), daemon=True).start()
    try:
        if request.do == "probe":
            _when_home_goes(request.quiet_s, lambda: os._exit(0))  # perhaps just as we end by ourselves
            for question in request.questions:
                emit(questions.answer(question, [sys.argv[0], "probe"]))
            emit(facts.facts("before"))
        else:
            run(request, emit)
    except BrokenPipeError:
        os._exit(1)  # home is gone; workers die with us


def run(request: Request, emit: channel.Emit) -> None:
    stopped = threading.Event()
    groups = [Group(jobs, request, [sys.argv[0], "work"], emit) for jobs in by_group(request.jobs)]

    def stop() -> None:
        stopped.set()
        time.sleep(_GRACE_S)
        for group in groups:
            group.kill()
        time.sleep(_LAST_WORDS_S)
        os._exit(1)

    _when_home_goes(request.quiet_s, stop)
    emit(facts.facts("before"))
    for group in groups:
        group.run(stopped)
    emit(facts.facts("after"))
    emit(Done(interrupted=stopped.is_set()))


def by_group(jobs: List[Job]) -> List[List[Job]]:
    """Jobs that are compared, together, each with the CPUs it will run on."""
    groups = {}  # type: dict[str, List[Job]]
    for job in jobs:
        pinned = job if job.affinity else replace(job, affinity=cores.choose(job.threads))
        groups.setdefault(job.group, []).append(pinned)
    return list(groups.values())


def _request() -> Request:
    """The first line; empty ones before it only say that home is there."""
    line = "\n"
    while line == "\n":
        line = sys.stdin.readline()
    if not line:
        sys.exit(1)  # home left before it asked
    request = decode(line)
    assert isinstance(request, Request)
    return request


def _beat(out: TextIO, lock: threading.Lock, every_s: float) -> None:
    """Empty lines: a board that is busy is told from one that is dead."""
    while True:
        time.sleep(every_s)
        try:
            with lock:
                channel.write(out, "\n")
        except OSError:
            return  # home is gone: others see to that


def _when_home_goes(quiet_s: float, then: Callable[[], None]) -> None:
    """Call `then` in a thread once stdin ends, or brings nothing for `quiet_s` (0: however long)."""

    def watch() -> None:
        # Home has nothing more to say; its bytes only mean that the link is alive.
        while select.select([0], [], [], quiet_s or None)[0] and os.read(0, 65536):
            pass
        then()

    threading.Thread(target=watch, daemon=True).start()
