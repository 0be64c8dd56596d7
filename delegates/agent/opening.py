"""Open the model of a Job and run it once, in stages, so that a crash can be located."""

from __future__ import annotations

import sys
from typing import Callable, Iterator, Tuple

from ..backends import registry
from ..backends.interpreter import Interpreter
from ..backends.runtime import Opened
from ..probe.machine import affinity, pin
from ..wire import Job, Ops
from . import samples, timing
from .copies import own_copy
from .messages import Ready

StageStep = Tuple[str, Callable[[], None]]


class Opening:
    """A job whose model is being opened. Each step uses attributes that earlier steps have set."""

    runtime: Opened
    interpreter: Interpreter
    log = ""  # of the delegate's library, while the model was loaded

    def __init__(self, job: Job) -> None:
        self.job = job
        self.delegate = registry.find(job.delegate)

    def stages(self, wait_for_turn: Callable[[], None]) -> Iterator[StageStep]:
        """Yield the steps in order, each with its stage of wire.STAGES."""
        yield "runtime", self._open_runtime
        yield "runtime", wait_for_turn
        yield "load", self._load
        yield "allocate", self._allocate
        yield "invoke", self._invoke_first

    def ready(self) -> Ready:
        """Describe the opened model. Raises RuntimeError if the runtime used a delegate unasked."""
        return Ready(
            runtime=self.runtime.name,
            runtime_version=self.runtime.version,
            python=".".join(map(str, sys.version_info[:3])),
            affinity=affinity(),
            init_ns=self.init_ns,
            first_ns=self.first_ns,
            timer_resolution_ns=timing.timer_resolution_ns(),
            ops=self._ops(),
            delegate_facts=self.delegate.facts(self.job.options, self.log),
        )

    def _open_runtime(self) -> None:
        self.runtime = self.delegate.open_runtime(self.job.runtime)

    def _load(self) -> None:
        pin(self.job.affinity)
        if not self.delegate.keeps_log:
            self._open_model()
            return
        from .stderr_capture import StderrCapture  # takes longer to import than the rest of this package

        capture = StderrCapture()
        try:
            with capture:
                self._open_model()
        finally:
            self.log = capture.text
        self.interpreter.log = self.log

    def _open_model(self) -> None:
        job = self.job
        model = own_copy(job.model) if job.own_copy and self.delegate.on_cpu else job.model
        self.init_ns, self.interpreter = timing.timed(
            lambda: self.delegate.open(self.runtime, model, job.threads, job.options)
        )

    def _allocate(self) -> None:
        allocate_ns, _ = timing.timed(self.interpreter.allocate)
        self.init_ns += allocate_ns
        self.samples = samples.read(self.job.inputs, self.interpreter.inputs)
        self.interpreter.set_inputs(self.samples[0])

    def _invoke_first(self) -> None:
        self.first_ns, _ = timing.timed(self.interpreter.invoke)

    def _ops(self) -> Ops:
        ops = self.delegate.ops(self.interpreter)
        if not self.delegate.all_delegated:
            return ops
        if ops.partitions:
            name, version = self.runtime.name, self.runtime.version
            raise RuntimeError("%s %s handed ops to a delegate although told not to" % (name, version))
        return Ops(total=ops.total, delegated=ops.total, partitions=0)
