"""Home's one request, answered until home goes away."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import replace
from typing import List

from . import channel, cores, facts, probe
from .conductor import Group
from .wire import Done, Job, Message, Request, decode, encode

# After home has gone or asked to stop, a block under way may end for so long.
_GRACE_S = 2.0


def conduct() -> None:
    """Answer the request on stdin; when stdin ends, stop, keeping what was measured."""
    out = channel.take_stdout()
    lock = threading.Lock()

    def emit(message: Message) -> None:
        with lock:
            channel.write(out, encode(message))

    request = decode(sys.stdin.readline())
    try:
        if request.do == "probe":
            for question in request.questions:
                emit(probe.ask(question, [sys.argv[0], "probe"]))
            emit(facts.facts("before"))
        else:
            run(request, emit)
    except BrokenPipeError:
        os._exit(1)  # home is gone; workers die with us


def run(request: Request, emit: channel.Emit) -> None:
    stopped = threading.Event()
    groups = [Group(jobs, request, [sys.argv[0], "work"], emit) for jobs in by_group(request.jobs)]

    def watch_home() -> None:
        while sys.stdin.read(65536):
            pass  # home has nothing more to say; only the end counts
        stopped.set()
        threading.Event().wait(_GRACE_S)
        for group in groups:
            group.kill()

    threading.Thread(target=watch_home, daemon=True).start()
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
