"""What a Python on the device offers: asked in a process of its own, which may crash."""

from __future__ import annotations

import platform
import sys
from dataclasses import replace
from typing import List, Optional

from ..agent import channel
from ..agent.process import Lost, Worker
from ..backends import registry
from ..backends.runtime import RuntimeMissing, installed, open_runtime
from ..wire import ProbeRequest, ProbeResult, Runtime, WireError, build, decode, encode
from . import pythons
from .machine import die_with_parent

_LIMIT_S = 60
_NO_ANSWER = "%s gave an answer that is none"


def main() -> None:
    """In the Python asked: one ProbeRequest on stdin, one ProbeResult on stdout."""
    out = channel.take_stdout()
    die_with_parent()
    question = decode(sys.stdin.readline())
    channel.write(out, encode(look(question)))


def look(question: ProbeRequest) -> ProbeResult:
    found = ProbeResult(
        python=question.python,
        executable=sys.executable,
        version=platform.python_version(),
        numpy=_numpy(),
        runtimes=installed(),
    )
    if found.numpy is None:
        return replace(found, error="Python %s has no numpy that imports" % found.version)
    try:
        opened = open_runtime(question.runtime)
    except RuntimeMissing as error:
        return replace(found, error=str(error))
    asked = [(registry.find(name), question.options.get(name, {})) for name in question.delegates]
    delegates = {delegate.name: delegate.missing(opened, options) for delegate, options in asked}
    software = {delegate.name: delegate.software(options) for delegate, options in asked}
    return replace(
        found,
        runtime=Runtime(opened.name, opened.version),
        delegates=delegates,
        software={name: what for name, what in software.items() if what and not delegates[name]},
    )


def answer(question: ProbeRequest, arguments: List[str]) -> ProbeResult:
    """What the Python in question says; where that is nothing good, what others say.

    With `question.instead`, the first other one that can run everything answers in its place.
    """
    asked = ask(question, arguments)
    if question.look == "here" or (question.look == "further" and asked.error is None):
        return asked
    looked_at = []
    for python in pythons.others(asked.executable):
        other = ask(replace(question, python=python), arguments)
        if other.version is not None:  # else it is no Python that starts
            looked_at.append(in_words(other))
        if other.error is None and asked.error is not None and question.instead:
            asked = replace(other, python=python)
        if asked.error is None and question.look == "further":
            break
    advice = None if asked.error is None else pythons.advice(asked.executable, asked.version)
    return replace(asked, others=looked_at, advice=advice)


def in_words(found: ProbeResult) -> str:
    """ "/usr/bin/python3 (3.11.2, numpy 1.26.4, tflite-runtime 2.14.0)"."""
    has = [str(found.version), "numpy %s" % found.numpy if found.numpy else "no numpy"]
    has += ["%s %s" % (r.name, r.version) for r in found.runtimes] or ["no runtime"]
    if found.error and found.numpy and found.runtimes:
        has.append(found.error)
    return "%s (%s)" % (found.python, ", ".join(has))


def ask(question: ProbeRequest, arguments: List[str]) -> ProbeResult:
    """What a Python says of itself; `error` is set where nothing can run on it."""
    python = question.python
    try:
        worker = Worker(python, arguments, encode(question), question.env)
        found = build(worker.answer("kind", _LIMIT_S))
        worker.close()
    except Lost as lost:
        reason = lost.reason.replace("the worker", python)
        if question.delegates:
            return _one_by_one(question, arguments, reason)
        return ProbeResult(python, error=reason)
    except WireError:
        return ProbeResult(python, error=_NO_ANSWER % python)
    return found if isinstance(found, ProbeResult) else ProbeResult(python, error=_NO_ANSWER % python)


def _one_by_one(question: ProbeRequest, arguments: List[str], reason: str) -> ProbeResult:
    """A library that crashed must not cost the other delegates: each in a process of its own."""
    if len(question.delegates) == 1:
        name = question.delegates[0]
        found = ask(replace(question, delegates=[]), arguments)
        why = reason.replace("while importing the runtime", "while loading its library")
        hint = registry.find(name).crash_hint
        return replace(found, delegates={name: why + ("; " + hint if hint else "")})
    parts = [ask(replace(question, delegates=[name]), arguments) for name in question.delegates]
    return replace(parts[0], delegates={k: v for part in parts for k, v in part.delegates.items()})


def _numpy() -> Optional[str]:
    try:
        import numpy
    except Exception:  # a broken installation can raise anything
        return None
    return str(numpy.__version__)
