"""The interface of a delegate on the device: open a model, check availability, count delegated ops."""

from __future__ import annotations

from typing import Any, Callable, Dict, NamedTuple, Optional

from ..wire import Ops
from . import graph
from .interpreter import Interpreter
from .runtime import Opened, open_runtime

Options = Dict[str, Any]


class DelegateMissing(Exception):
    """The delegate's library or hardware is not available; the text says why and what to do."""

    log = ""  # what the library wrote about it, if anything


def nothing_missing(runtime: Opened, options: Options) -> Optional[str]:
    """Return None: for delegates that every runtime has."""
    return None


def unchanged(error: Exception, log: str, options: Options) -> Exception:
    """Return the error itself: for delegates whose errors need no explanation."""
    return error


def no_software(options: Options) -> Optional[str]:
    """Return None: for delegates without a software substitute."""
    return None


def no_facts(options: Options, log: str) -> Dict[str, Any]:
    """Return nothing: for delegates without hardware or a library of their own."""
    return {}


def ops_of_nodes(interpreter: Interpreter) -> Ops:
    """Return the delegated ops, according to the interpreter's list of nodes."""
    return graph.read_ops(interpreter.raw, interpreter.nodes)


class Delegate(NamedTuple):
    """A way to run a model: the constant DELEGATE of the module with its name."""

    name: str

    # open(runtime, model path, threads, options): the model, its tensors not yet allocated.
    open: Callable[[Opened, str, int, Options], Interpreter]

    # missing(runtime, options): why it can't be used with this runtime on this device, or None.
    missing: Callable[[Opened, Options], Optional[str]] = nothing_missing

    # True where every op counts as delegated, because the runtime itself is what was asked for.
    all_delegated: bool = False

    # True where the work is done by this process's own threads on the CPU.
    on_cpu: bool = False

    # True where the functions below need the log: what its library writes while a model is opened.
    keeps_log: bool = False

    # True where workers may be forked from a process that has imported the runtime. Not where the delegate
    # touches hardware, or loads a library that might start threads before a worker is forked.
    forks: bool = False

    # ops(interpreter): what was delegated; reasons for the rest only where the delegate itself gives them.
    ops: Callable[[Interpreter], Ops] = ops_of_nodes

    # facts(options, log): the hardware and library that were used, as plain JSON types.
    facts: Callable[[Options, str], Dict[str, Any]] = no_facts

    # explain(error, log, options): the error in plain words; DelegateMissing where it is not available.
    explain: Callable[[Exception, str, Options], Exception] = unchanged

    # software(options): the software that would stand in for the hardware; None where there is hardware.
    software: Callable[[Options], Optional[str]] = no_software

    # What the user can try when a process that uses it is killed by a signal.
    crash_hint: str = ""

    # open_runtime(name): what runs the models. A TFLite runtime of this Python, unless the delegate stands
    # for a tool of its own: then that tool, whatever `name` asks for. Raises RuntimeMissing.
    open_runtime: Callable[[str], Opened] = open_runtime
