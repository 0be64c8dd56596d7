"""The worker: one process, one runtime, one model, one delegate.

Reads a Job, says which stage it enters (so that a crash can be placed), answers "ready", then warms up,
times a block or computes outputs whenever the conductor gives it a turn.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
from typing import Any, Callable, Dict, Iterator, TextIO, Tuple

from ..backends import registry
from ..backends.base import DelegateMissing
from ..backends.interpreter import InterpreterSession
from ..backends.runtime import Opened, RuntimeMissing, open_runtime
from ..probe.machine import affinity, die_with_parent, first_to_go, peak_memory_bytes, pin
from ..wire import Job, Ops, decode
from . import channel, samples, stderr_capture, timing

# From here on the core is likely to be given to others within one inference, and reading a second clock
# (under 1 us) adds less than a thousandth.
OWN_TIME_FROM_NS = 1_000_000

_MISSING: Dict[type, str] = {RuntimeMissing: "runtime", DelegateMissing: "delegate"}

Stage = Tuple[str, Callable[[], None]]


def main() -> None:
    out, commands = channel.take_stdout(), sys.stdin
    die_with_parent()
    first_to_go()
    opening = Opening(decode(commands.readline()))
    stage = "runtime"
    try:
        for stage, step in opening.stages(commands):
            channel.write_json(out, {"stage": stage})
            step()
        channel.write_json(out, {"ready": opening.facts()})
        stage = "invoke"
        serve(opening, commands, out)
    except Exception as raised:  # whatever a runtime or delegate raises is one refused cell
        error = explained(opening, raised, stage)
        channel.write_json(out, {"failed": _MISSING.get(type(error), stage), "reason": one_line(error)})
    # Everything was said and flushed: taking the interpreter apart would only cost time.
    os._exit(0)


def explained(opening: Opening, raised: Exception, stage: str) -> Exception:
    """In the delegate's words. What it wrote while the model was loaded explains no later error."""
    said = opening.said if stage == "load" else ""
    return opening.delegate.explain(raised, said, opening.job.options)


def serve(opened: Opening, commands: TextIO, out: TextIO) -> None:
    """Answer one command after the other until the stream ends."""
    session = opened.session
    inputs = session.native(opened.samples[0])
    own_time = opened.delegate.on_cpu and opened.job.threads == 1 and opened.first_ns > OWN_TIME_FROM_NS
    for command in iter(lambda: channel.read_json(commands), None):
        limit_ns = command["limit_ns"]
        answer: Dict[str, Any] = {}
        if command["do"] == "outputs":
            outputs = samples.outputs(session, opened.samples, limit_ns)
            answer["outputs"] = [dataclasses.asdict(output) for output in outputs]
        elif command["do"] == "warm up":
            answer["warmed_up"] = timing.warm_up(session.invoke, limit_ns)
        elif command["do"] == "copies":
            call = functools.partial(session.invoke_with_copies, inputs)
            answer["ns"] = timing.block(call, command["calls"], limit_ns)
        elif own_time:
            answer["ns"], answer["cpu_time_ns"] = timing.block_of_own_time(
                session.invoke, command["calls"], limit_ns
            )
        else:
            answer["ns"] = timing.block(session.invoke, command["calls"], limit_ns)
        answer["peak_memory_bytes"] = peak_memory_bytes()
        channel.write_json(out, answer)


class Opening:
    """From a Job to a session that has run once."""

    runtime: Opened
    session: InterpreterSession
    said = ""  # what the delegate wrote while the model was opened

    def __init__(self, job: Job) -> None:
        self.job = job
        self.delegate = registry.find(job.delegate)

    def stages(self, commands: TextIO) -> Iterator[Stage]:
        yield "runtime", self.open_runtime
        # Imports of all workers may overlap; from here on they take turns.
        yield "runtime", lambda: wait_for_turn(commands)
        yield "load", self.load
        yield "allocate", self.allocate
        yield "invoke", self.first

    def open_runtime(self) -> None:
        self.runtime = open_runtime(self.job.runtime)

    def load(self) -> None:
        job = self.job
        pin(job.affinity)
        heard = stderr_capture.Heard() if self.delegate.talks else None
        try:
            self.init_ns, self.session = timing.timed(
                lambda: self.delegate.open(self.runtime, job.model, job.threads, job.options)
            )
        finally:
            self.said = heard.stop() if heard else ""
        self.session.said = self.said

    def allocate(self) -> None:
        allocate_ns, _ = timing.timed(self.session.allocate)
        self.init_ns += allocate_ns
        self.samples = samples.read(self.job.inputs, self.session.inputs)
        self.session.set_inputs(self.samples[0])

    def first(self) -> None:
        self.first_ns, _ = timing.timed(self.session.invoke)

    def facts(self) -> Dict[str, Any]:
        return {
            "runtime": self.runtime.name,
            "runtime_version": self.runtime.version,
            "python": ".".join(map(str, sys.version_info[:3])),
            "affinity": affinity(),
            "init_ns": self.init_ns,
            "first_ns": self.first_ns,
            "ops": dataclasses.asdict(self.ops()),
            "peak_memory_bytes": peak_memory_bytes(),
            "timer_resolution_ns": timing.timer_resolution_ns(),
            "delegate_facts": self.delegate.facts(self.job.options, self.said),
        }

    def ops(self) -> Ops:
        name, version = self.runtime.name, self.runtime.version
        ops = self.delegate.ops(self.session)
        if not self.delegate.takes_all:
            return ops
        if ops.partitions:
            raise RuntimeError("%s %s handed ops to a delegate although told not to" % (name, version))
        return Ops(total=ops.total, delegated=ops.total, partitions=0)


def wait_for_turn(commands: TextIO) -> None:
    if channel.read_json(commands) is None:
        raise SystemExit  # the conductor is gone


def one_line(error: BaseException) -> str:
    """The error's text on one line, once: tflite-runtime says some things twice in a row."""
    text = " ".join(str(error).split()) or type(error).__name__
    half = len(text) // 2
    return text[:half] if text[:half] == text[half:] else text
