"""The worker: one process, one runtime, one model, one delegate.

Reads a Job, announces each stage it enters (so that a crash can be located), opens the model when told to,
and then warms up, times blocks or computes outputs whenever the conductor gives it a turn.
"""

from __future__ import annotations

import functools
import os
import sys
from time import perf_counter_ns
from typing import Any, Dict, List, Optional, Tuple

from .. import streams
from ..backends.base import DelegateMissing
from ..backends.runtime import RuntimeMissing
from ..probe.machine import die_with_parent, first_to_go, peak_memory_bytes
from . import messages, samples, timing
from .dataset import Dataset
from .evaluation import evaluate
from .messages import (
    Blocks,
    ComputeOutputs,
    Evaluate,
    Failed,
    Memory,
    Outputs,
    Part,
    ReadMemory,
    Result,
    Stage,
    Task,
    TimeBlocks,
    WarmedUp,
    WarmUp,
)
from .opening import Opening

# CPU times are measured for inferences of at least this length: the core may be given to others meanwhile,
# and reading a second clock (under 1 us) costs less than a thousandth.
CPU_TIME_FROM_NS = 1_000_000

# Cached, because the same few commands come again and again.
_decoded = functools.lru_cache(maxsize=64)(messages.decode)

_MISSING: Dict[type, str] = {RuntimeMissing: "runtime", DelegateMissing: "delegate"}


def main() -> None:
    """Serve the conductor that started this process, until stdin ends."""
    out = streams.take_stdout()
    die_with_parent()
    first_to_go()

    def send(message: Any) -> None:
        streams.write(out, messages.encode(message))

    opening = Opening(messages.decode(sys.stdin.readline()))
    stage = "runtime"
    try:
        for stage, step in opening.stages(_wait_for_turn):
            send(Stage(stage))
            step()
        send(opening.ready())
        stage = "invoke"
        opened = Opened(opening)
        for line in sys.stdin:
            send(opened.do(_decoded(line)))
    except Exception as raised:  # whatever a runtime or delegate raises is one refused cell
        error = explained(opening, raised, stage)
        send(Failed(_MISSING.get(type(error), stage), one_line(error)))
    # Everything has been sent and flushed: taking the interpreter apart would only cost time.
    os._exit(0)


class Opened:
    """An opened model that carries out the conductor's tasks."""

    def __init__(self, opening: Opening) -> None:
        self._interpreter, self._samples = opening.interpreter, opening.samples
        self._inputs = self._interpreter.native(self._samples[0])
        self._has_cpu_time = opening.delegate.on_cpu and opening.job.threads == 1
        self._with_cpu_time = False  # until it is known how long an inference takes
        self._evaluation = opening.job.evaluation
        self._dataset: Optional[Dataset] = None

    def do(self, task: Task) -> Result:
        """Carry out a task, and return its answer."""
        if isinstance(task, ComputeOutputs):
            return Outputs(samples.outputs(self._interpreter, self._samples, task.limit_ns))
        if isinstance(task, Evaluate):
            return self._evaluate(task)
        if isinstance(task, WarmUp):
            calls, inference_ns = timing.warm_up(self._interpreter.invoke, task.limit_ns)
            self._with_cpu_time = self._has_cpu_time and inference_ns > CPU_TIME_FROM_NS
            return WarmedUp(calls, inference_ns)
        if isinstance(task, ReadMemory):
            return Memory(peak_memory_bytes())
        return self._time(task)

    def _evaluate(self, task: Evaluate) -> Part:
        """Evaluate the next samples of the dataset. Raises ValueError if they don't fit the model."""
        assert self._evaluation is not None
        if self._dataset is None:
            self._dataset = Dataset(self._evaluation.inputs, self._interpreter.inputs)
        return evaluate(self._interpreter, self._dataset, self._evaluation.keep, task)

    def _time(self, task: TimeBlocks) -> Blocks:
        """Time blocks until the turn is over, at least one."""
        blocks = Blocks([], [])
        end = perf_counter_ns() + task.turn_ns
        while not blocks.ns or (len(blocks.ns) < task.blocks and perf_counter_ns() < end):
            ns, cpu_time_ns = self._time_block(task)
            blocks.ns.append(ns)
            if cpu_time_ns:
                blocks.cpu_time_ns.append(cpu_time_ns)
        return blocks

    def _time_block(self, task: TimeBlocks) -> Tuple[List[int], List[int]]:
        """Return times of inferences, and CPU times if they are measured."""
        invoke = self._interpreter.invoke
        if task.end_to_end:
            invoke = functools.partial(self._interpreter.invoke_with_copies, self._inputs)
        elif self._with_cpu_time:
            return timing.block_with_cpu_time(invoke, task.calls, task.limit_ns)
        return timing.block(invoke, task.calls, task.limit_ns), []


def explained(opening: Opening, raised: Exception, stage: str) -> Exception:
    """Return the error as the delegate explains it. Its log is used only for errors while loading."""
    log = opening.log if stage == "load" else ""
    return opening.delegate.explain(raised, log, opening.job.options)


def one_line(error: BaseException) -> str:
    """Return the error's text on one line. tflite-runtime repeats some messages; they are given once."""
    text = " ".join(str(error).split()) or type(error).__name__
    half = len(text) // 2
    return text[:half] if text[:half] == text[half:] else text


def _wait_for_turn() -> None:
    """Wait for Open: workers import runtimes at the same time, but load models one after the other."""
    if not sys.stdin.readline():
        raise SystemExit  # the conductor is gone
