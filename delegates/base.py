"""What a delegate is: a name, what it refuses on paper, how to open it, why it leaves an op alone."""

from __future__ import annotations

from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence

from .runtime import Opened
from .session import InterpreterSession


class Delegate(NamedTuple):
    """One way to run a model. All delegates stand in registry.py."""

    name: str

    # refuses(scheme): why no model of that scheme can run here, or None. Needs no runtime.
    refuses: Callable[[str], Optional[str]]

    # open(runtime, model path, threads, options): a session whose tensors are not yet allocated.
    open: Callable[[Opened, str, int, Dict[str, Any]], InterpreterSession]

    # why_not(op, dtypes, runtime name, runtime version): why the op stays on the CPU, or None if unknown.
    why_not: Callable[[str, Sequence[str], str, str], Optional[str]]

    # missing(runtime): why it can't be had with this runtime on this device, or None.
    missing: Callable[[Opened], Optional[str]]

    # True where every op the runtime runs counts as taken, because there is nothing to hand over to.
    takes_all: bool = False

    # True where the work is done by this process's own threads on the CPU.
    on_cpu: bool = False

    # True where only one process at a time may hold the hardware.
    exclusive: bool = False


def refuses_nothing(scheme: str) -> Optional[str]:
    return None


def nothing_missing(runtime: Opened) -> Optional[str]:
    return None
