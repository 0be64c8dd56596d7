"""Validate a device's answers: printable text of bounded size, and figures that are possible.

delegates/wire.py checks types; this module checks everything else, so that no other module has to. Launches
hold thousands of numbers and arrive while a machine measures, which may be this one: lists of numbers are
checked as a whole, which is fast.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from delegates.wire import (
    CLASSES,
    MEAN_ABSOLUTE,
    MEAN_SQUARED,
    OUTPUTS,
    STAGES,
    Done,
    Evaluated,
    Failure,
    Launch,
    Ops,
    Output,
    ProbeResult,
    Progress,
    SystemInfo,
    WireError,
    build,
    printable,
)

Answer = SystemInfo | ProbeResult | Launch | Evaluated | Failure | Progress | Done

# Limits, far above what a conductor sends: 10,500 samples per launch, 16 KiB of stderr.
_MOST_BYTES = 2 << 20  # of one answer, without the data of outputs
_MOST_SAMPLES = 50_000
_MOST_LAUNCHES = 1 << 20
_MOST_TEXTS = 256  # in a list that is shown: Pythons, libraries, delegates
_MOST_OPS = 4096
_LONGEST_TEXT = 1000
_LONGEST_PATH = 40
_LONGEST_STDERR = 16 * 1024  # stored, but never shown
_LARGEST_RANK = 16
_MOST_EVALUATED = 1 << 31  # samples of a dataset
_MOST_KEPT = 5  # values of a sample
_KEPT = (CLASSES, MEAN_ABSOLUTE, MEAN_SQUARED, OUTPUTS)
_NO_TEXT = frozenset((int, float, bool, type(None)))  # lists of these hold no text

_NUMBER, _COUNT, _TEXTS, _NUMBERS = "a number", "a count", "a list of texts", "a list of numbers"
_MACHINE = {
    **dict.fromkeys(("os", "kernel", "arch", "cpu", "board", "python"), "a text"),
    **dict.fromkeys(("cores", "memory_bytes"), _COUNT),
    "delegate_libraries": _TEXTS,
}
_CHANGING = {
    **dict.fromkeys(("clock_s", "own_cpu_s", "home_cpu_s", "cpu_busy_s", "cpu_steal_s"), _NUMBER),
    **dict.fromkeys(("cpu_total_s", "cpu_pressure_s", "load_1min"), _NUMBER),
    **dict.fromkeys(("throttle_count", "throttle_flags", "available_memory_bytes"), _COUNT),
    **dict.fromkeys(("governors", "frequencies_khz"), _TEXTS),
    "temperatures_c": _NUMBERS,
}


def receive(line: str) -> Answer:
    """Return the answer in a line, with all its texts made printable. Raises WireError if it is invalid."""
    try:
        raw = json.loads(line)
        if len(line) - _output_bytes(raw) > _MOST_BYTES:
            raise WireError("too large")
        message = build(_printable(raw, ""))
    except (ValueError, RecursionError) as error:
        raise WireError(f"not JSON: {error}") from None
    if not isinstance(message, Answer):
        raise WireError(f"{type(message).__name__} is no answer")
    _check(message)
    return _refuse_stopped_clock(message) if isinstance(message, Launch) else message


def _output_bytes(raw: Any) -> int:
    """Return how many bytes of a line are output tensors."""
    outputs = raw.get("outputs") if isinstance(raw, dict) else None
    if not isinstance(outputs, list):
        return 0
    held = [output.get("data") for output in outputs if isinstance(output, dict)]
    return sum(len(data) for data in held if isinstance(data, str))


def _printable(raw: Any, path: str) -> Any:
    """Return the value with each text as a printable line of bounded length. path: the keys to it."""
    if isinstance(raw, str):
        return _text(raw, path)
    if isinstance(raw, list):
        return raw if _NO_TEXT.issuperset(map(type, raw)) else [_printable(item, path) for item in raw]
    if isinstance(raw, dict):
        return {_line(key): _printable(item, _inside(path, key)) for key, item in raw.items()}
    return raw


def _inside(path: str, key: str) -> str:
    """Return the path of a key. Long ones are cut: devices choose keys, and no long path matters."""
    return f"{path}.{key}" if len(path) + len(key) < _LONGEST_PATH else "…"


def _text(text: str, path: str) -> str:
    if path == ".outputs.data":  # base64, checked later
        return text
    if path in (".job", ".group"):  # sent by home, so of any length and with any line feed
        return printable(text)
    return printable(text)[-_LONGEST_STDERR:] if path == ".stderr" else _line(text)


def _line(text: str) -> str:
    line = re.sub(r"[\t\n]+", " ", printable(text[: 2 * _LONGEST_TEXT]))
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


def _refuse_stopped_clock(m: Launch) -> Launch | Failure:
    """Return the launch, or a failure if at least half of the inferences took 0 ns."""
    count = sum(map(len, m.blocks_ns))
    stopped = sum(block.count(0) for block in m.blocks_ns)
    if count and stopped <= count // 2:
        return m
    how = "all" if stopped == count else "more than half"
    reason = f"the clock of this device does not work: {how} of {count} inferences took 0 ns by it"
    return Failure(m.job, m.launch, "invoke", reason)


def _check(message: Answer) -> None:
    if isinstance(message, Launch):
        _check_launch(message)
    elif isinstance(message, Evaluated):
        _check_evaluated(message)
    elif isinstance(message, Failure):
        _need(message.stage in STAGES, "Failure.stage")
        _need(0 <= message.launch < _MOST_LAUNCHES, "Failure.launch")
    elif isinstance(message, ProbeResult):
        _need(message.error is not None or None not in (message.runtime, message.version), "ProbeResult")
        shown = [*message.others, *message.runtimes, *message.delegates, *message.software]
        _need(len(shown) <= _MOST_TEXTS, "ProbeResult: that many entries")
    elif isinstance(message, SystemInfo):
        known = {key: value for key, value in message.machine.items() if value is not None}
        _check_facts(known, _MACHINE, "SystemInfo.machine")
        _need(
            len(known.get("delegate_libraries", ())) <= _MOST_TEXTS, "SystemInfo.machine: that many libraries"
        )
        _check_facts(message.changing, _CHANGING, "SystemInfo.changing")


def _check_launch(m: Launch) -> None:
    samples = sum(map(len, m.blocks_ns)) + len(m.end_to_end_ns)
    smallest = [min(series) for series in (*m.blocks_ns, *m.cpu_time_ns, m.end_to_end_ns) if series]
    _need(0 <= m.launch < _MOST_LAUNCHES, "Launch.launch")
    _need(0 < samples <= _MOST_SAMPLES, "Launch.blocks_ns")
    _need(min([*smallest, m.init_ns, m.first_ns, m.warmup, m.cost_ns]) >= 0, "Launch: a time below zero")
    _need(
        not m.cpu_time_ns or list(map(len, m.cpu_time_ns)) == list(map(len, m.blocks_ns)),
        "Launch.cpu_time_ns",
    )
    _need(m.timer_resolution_ns >= 0, "Launch.timer_resolution_ns")
    _need(min(m.affinity or [0]) >= 0, "Launch.affinity")
    _need((m.peak_memory_bytes or 0) >= 0, "Launch.peak_memory_bytes")
    _need((m.launcher or 0) >= 0, "Launch.launcher")
    if m.ops is not None:
        _check_ops(m.ops)
    for output in m.outputs:
        _check_output(output)


def _check_evaluated(m: Evaluated) -> None:
    _need(0 <= m.first < _MOST_EVALUATED and m.keep in _KEPT, "Evaluated")
    for output in m.outputs:
        _check_output(output)
    counts = {output.shape[0] for output in m.outputs}
    _need(len(counts) == 1 and 0 not in counts, "Evaluated.outputs")
    shapes = [output.shape for output in m.outputs]
    one_row = len(shapes) == 1 and len(shapes[0]) == 2 and 0 < shapes[0][1] <= _MOST_KEPT
    _need(m.keep == OUTPUTS or one_row, "Evaluated.outputs")
    _need(all(map(math.prod, shapes)), "Evaluated.outputs")


def _check_ops(ops: Ops) -> None:
    _need(0 <= ops.delegated <= ops.total and ops.partitions >= 0, "Ops")
    _need(all(group.count > 0 for group in ops.not_delegated), "Ops.not_delegated")
    _need(len(ops.not_delegated) <= _MOST_OPS, "Ops.not_delegated")
    _need(all(len(group.dtypes) <= _MOST_TEXTS for group in ops.not_delegated), "OpGroup.dtypes")
    nodes = [node for group in ops.not_delegated for node in group.nodes]
    _need(len(set(nodes)) == len(nodes) and all(0 <= node < ops.total for node in nodes), "Ops: nodes")
    _need(all(len(group.nodes) in (0, group.count) for group in ops.not_delegated), "Ops: nodes")


def _check_output(output: Output) -> None:
    """Check that the data holds as many float32 values as the shape (samples, *tensor shape)."""
    _need(0 < len(output.shape) <= _LARGEST_RANK and min(output.shape) >= 0, "Output.shape")
    try:
        size = len(base64.b64decode(output.data, validate=True))
    except ValueError:
        raise WireError("Output.data: not base64") from None
    _need(size == 4 * math.prod(output.shape), "Output.data")


def _check_facts(facts: Mapping[str, Any], forms: Mapping[str, str], where: str) -> None:
    """Check the facts that home uses. Other facts are only stored."""
    for key, form in forms.items():
        if key in facts and not _has_form(facts[key], form):
            raise WireError(f"{where}.{key}: {form} expected")


def _has_form(value: Any, form: str) -> bool:
    if form in (_TEXTS, _NUMBERS):
        kind = "a text" if form == _TEXTS else _NUMBER
        return isinstance(value, list) and all(_has_form(item, kind) for item in value)
    if form == "a text":
        return isinstance(value, str)
    if form == _COUNT:
        return type(value) is int and value >= 0
    return isinstance(value, int | float) and not isinstance(value, bool)


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise WireError(f"{what} can't be")
