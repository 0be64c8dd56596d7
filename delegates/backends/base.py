"""A delegate as the device knows it: its name, how to open it, whether it is there, what it took."""

from __future__ import annotations

from typing import Any, Callable, Dict, NamedTuple, Optional

from ..wire import Ops
from . import graph
from .interpreter import InterpreterSession
from .runtime import Opened

Options = Dict[str, Any]


class DelegateMissing(Exception):
    """The delegate's library or hardware can't be had; the text says why and what to do."""

    said = ""  # the library's own words, where it had any


def nothing_missing(runtime: Opened, options: Options) -> Optional[str]:
    return None


def as_it_is(error: Exception, said: str, options: Options) -> Exception:
    return error


def nothing_software(options: Options) -> Optional[str]:
    return None


def no_facts(options: Options, said: str) -> Dict[str, Any]:
    return {}


def from_nodes(session: InterpreterSession) -> Ops:
    """What the delegate took, as the interpreter's own nodes tell."""
    return graph.read_ops(session.interpreter, session.nodes)


class Delegate(NamedTuple):
    """One way to run a model: the DELEGATE of a module that is named like it."""

    name: str

    # open(runtime, model path, threads, options): a session whose tensors are not yet allocated.
    open: Callable[[Opened, str, int, Options], InterpreterSession]

    # missing(runtime, options): why it can't be had with this runtime on this device, or None.
    missing: Callable[[Opened, Options], Optional[str]] = nothing_missing

    # True where every op the runtime runs counts as taken, because there is nothing to hand over to.
    takes_all: bool = False

    # True where the work is done by this process's own threads on the CPU.
    on_cpu: bool = False

    # True where what its library writes while the model is opened is to be kept for the functions below.
    talks: bool = False

    # ops(session): what it took, and of what it left the reason where it gave one itself.
    ops: Callable[[InterpreterSession], Ops] = from_nodes

    # facts(options, what it wrote): the hardware and library that were used, as plain JSON types.
    facts: Callable[[Options, str], Dict[str, Any]] = no_facts

    # explain(error, what it wrote, options): the error in plain words; DelegateMissing where it can't be had.
    explain: Callable[[Exception, str, Options], Exception] = as_it_is

    # software(options): what of software would play the hardware, None where hardware is there.
    software: Callable[[Options], Optional[str]] = nothing_software

    # What to consider when a process that uses it is killed by a signal.
    crash_hint: str = ""
