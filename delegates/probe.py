"""What a Python on the device offers: asked in a process of its own, which may crash."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import replace
from typing import List, Optional

from . import channel
from .registry import DELEGATES
from .runtime import RuntimeMissing, installed, open_runtime
from .wire import PythonFacts, Question, Runtime, WireError, decode, encode

_LIMIT_S = 60


def main() -> None:
    """In the Python asked: one Question on stdin, one PythonFacts on stdout."""
    out = channel.take_stdout()
    question = decode(sys.stdin.readline())
    channel.write(out, encode(look(question)))


def look(question: Question) -> PythonFacts:
    found = PythonFacts(
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
    delegates = {name: DELEGATES[name].missing(opened) for name in question.delegates}
    return replace(found, runtime=Runtime(opened.name, opened.version), delegates=delegates)


def ask(question: Question, arguments: List[str]) -> PythonFacts:
    """What a Python says of itself; `error` is set where nothing can run on it."""
    python = os.path.expanduser(question.python)
    try:
        done = subprocess.run(
            [python, *arguments],
            check=False,
            input=encode(question).encode("ascii"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=_LIMIT_S,
        )
        answer = decode(done.stdout.decode("ascii", "replace"))
    except OSError as error:
        return PythonFacts(python, error="cannot start %s: %s" % (python, error.strerror))
    except subprocess.TimeoutExpired:
        return PythonFacts(python, error="%s did not answer for %d s" % (python, _LIMIT_S))
    except WireError:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
        return PythonFacts(python, error="%s failed: %s" % (python, last[0][:200]))
    assert isinstance(answer, PythonFacts)
    return answer


def _numpy() -> Optional[str]:
    try:
        import numpy
    except Exception:  # a broken installation can raise anything
        return None
    return str(numpy.__version__)
