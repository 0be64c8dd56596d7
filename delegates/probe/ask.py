"""Ask Pythons of the device what they offer, each in a process of its own, because that may crash."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import List

from .. import codec, wire
from ..backends import registry
from ..processes import ChildError, start
from ..wire import ProbeRequest, ProbeResult
from . import pythons

_LIMIT_S = 60
_IMPORTING, _LOADING = "importing the runtime", "loading its library"


def answer(request: ProbeRequest, arguments: List[str]) -> ProbeResult:
    """Return what the request's Python offers, and other Pythons as far as `request.look` says.

    arguments: start probe/python.py. With `request.instead`, the first other Python that works replaces one
    that does not.
    """
    asked = ask(request, arguments)
    if request.look == "here" or (request.look == "further" and asked.error is None):
        return asked
    others = []
    for python in pythons.others(asked.executable):
        other = ask(replace(request, python=python), arguments)
        if other.version is not None:  # else it is no Python that starts
            others.append(describe(other))
        if other.error is None and asked.error is not None and request.instead:
            asked = replace(other, python=python)
        if asked.error is None and request.look == "further":
            break
    advice = None if asked.error is None else pythons.advice(asked.executable, asked.version)
    return replace(asked, others=others, advice=advice)


def describe(found: ProbeResult) -> str:
    """Return a Python and what it has: "/usr/bin/python3 (3.11.2, numpy 1.26.4, tflite-runtime 2.14.0)"."""
    has = [str(found.version), "numpy %s" % found.numpy if found.numpy else "no numpy"]
    has += ["%s %s" % (r.name, r.version) for r in found.runtimes] or ["no runtime"]
    if found.error and found.numpy and found.runtimes:
        has.append(found.error)
    return "%s (%s)" % (found.python, ", ".join(has))


def ask(request: ProbeRequest, arguments: List[str]) -> ProbeResult:
    """Return what the request's Python offers; `error` is set if it can't run models.

    If a library crashes it, each delegate is asked about alone, so that the others are not lost.
    """
    try:
        return _ask_once(request, arguments)
    except ChildError as error:
        if not request.delegates:
            return ProbeResult(request.python, error=error.sentence(request.python, _IMPORTING))
        if len(request.delegates) == 1:
            return _without_its_delegate(request, arguments, error)
    parts = [ask(replace(request, delegates=[name]), arguments) for name in request.delegates]
    return replace(parts[0], delegates={k: v for part in parts for k, v in part.delegates.items()})


def _without_its_delegate(request: ProbeRequest, arguments: List[str], error: ChildError) -> ProbeResult:
    """Return the answer for a Python that crashed when asked about a single delegate."""
    (name,) = request.delegates
    found = ask(replace(request, delegates=[]), arguments)
    why, hint = error.sentence(request.python, _LOADING), registry.find(name).crash_hint
    return replace(found, delegates={name: why + ("; " + hint if hint else "")})


def _ask_once(request: ProbeRequest, arguments: List[str]) -> ProbeResult:
    """Return the answer of one process. Raises ChildError if it gives none."""
    python = os.path.expanduser(request.python)
    child = start([python, *arguments], {"OPENBLAS_NUM_THREADS": "1", **request.env})
    child.send(wire.encode(request))
    line = child.read_line(_LIMIT_S, codec.MAX_LINE_BYTES)
    try:
        found = wire.decode(line)
    except codec.WireError:
        found = None
    if not isinstance(found, ProbeResult):
        raise child.refused()
    child.close()
    return found
