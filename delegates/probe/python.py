"""Find out what this Python offers, in a process of its own, because that may crash."""

from __future__ import annotations

import platform
import sys
from dataclasses import replace
from typing import Optional

from .. import streams
from ..backends import registry
from ..backends.runtime import RuntimeMissing, installed
from ..backends.runtime import open_runtime as open_any
from ..wire import ProbeRequest, ProbeResult, Runtime, decode, encode
from .machine import die_with_parent


def main() -> None:
    """Answer one ProbeRequest on stdin with one ProbeResult on stdout."""
    out = streams.take_stdout()
    die_with_parent()
    request = decode(sys.stdin.readline())
    streams.write(out, encode(look(request)))


def look(request: ProbeRequest) -> ProbeResult:
    """Return the runtimes and delegates that this Python has; `error` is set if it can't run models."""
    found = ProbeResult(
        python=request.python,
        executable=sys.executable,
        version=platform.python_version(),
        numpy=_numpy(),
        runtimes=installed(),
    )
    if found.numpy is None:
        return replace(found, error="Python %s has no numpy that imports" % found.version)
    try:
        runtime = open_any(request.runtime)
    except RuntimeMissing as error:
        return replace(found, error=str(error))
    missing, software = {}, {}
    for name in request.delegates:
        missing[name] = _missing(name, request)
        stand_in = registry.find(name).software(request.options.get(name, {}))
        if stand_in and not missing[name]:
            software[name] = stand_in
    return replace(
        found, runtime=Runtime(runtime.name, runtime.version), delegates=missing, software=software
    )


def _missing(name: str, request: ProbeRequest) -> Optional[str]:
    delegate = registry.find(name)
    try:
        return delegate.missing(delegate.open_runtime(request.runtime), request.options.get(name, {}))
    except RuntimeMissing as error:
        return str(error)


def _numpy() -> Optional[str]:
    """Return numpy's version, or None if it does not import."""
    try:
        import numpy as np
    except Exception:  # a broken native library can raise anything
        return None
    return str(np.__version__)
