"""A running launch: its worker, and what it has measured so far."""

from __future__ import annotations

from time import perf_counter_ns
from typing import List, Optional

from ..backends import registry
from ..wire import Failure, Job, Launch, Output
from .link import WorkerLink, WorkerLost
from .messages import (
    Blocks,
    ComputeOutputs,
    Evaluate,
    Memory,
    Open,
    Outputs,
    Part,
    ReadMemory,
    Ready,
    TimeBlocks,
    WarmedUp,
    WarmUp,
)
from .workers import Workers

# A block holds about so many inferences.
BLOCK_INFERENCES = 30
SHORTEST_BLOCK_NS, LONGEST_BLOCK_NS = 2_000_000, 20_000_000
BLOCK_CALLS = 500  # at most, of a very short inference
TURNS = 4  # of a launch, about: the more often workers alternate, the more alike is what disturbs them
TURN_NS = 50_000_000  # at most: then the conductor, which each turn wakes, takes under 0.5 % of a core
COPIES_NS = 5_000_000
COPIES_CALLS = 100
SAMPLES = 10_000  # per launch: percentiles need no more, and files stay small
WARM_UP_NS = 250_000_000
OUTPUTS_LIMIT_NS = 2_000_000_000


class RunningLaunch:
    """A launch of a job. Methods that wait for its worker may raise WorkerLost.

    The conductor then stores the error in `lost`.
    """

    def __init__(self, job: Job, number: int) -> None:
        self.job, self.number = job, number
        self.lost: Optional[WorkerLost] = None
        self.blocks_ns: List[List[int]] = []
        self.cpu_time_ns: List[List[int]] = []
        self.spent_ns = 0
        self.cost_ns = 0  # wall time of all steps but the outputs, which are computed once
        self.blocks_cost_ns = 0
        self._samples = 0
        self._worker: Optional[WorkerLink] = None
        self._ready: Optional[Ready] = None
        self._peak_memory_bytes: Optional[int] = None
        self._warmup = 0
        self._block_ns = SHORTEST_BLOCK_NS
        self._end_to_end_ns: List[int] = []
        self._outputs: List[Output] = []

    def start(self, workers: Workers) -> None:
        """Start the worker, which imports its runtime, if it has not inherited it, and waits."""
        self._worker = WorkerLink(self.job, workers)

    def load(self, workers: Workers) -> None:
        """Load the model and run it once."""
        if self._worker is None:
            self.start(workers)
        self._ready = self._running().ask(Open(), Ready, self.job.timeout_s)

    def evaluate(self, samples: int, limit_ns: int) -> Part:
        """Evaluate at most so many of the next samples of the job's dataset, at least one."""
        return self._running().ask(Evaluate(samples, limit_ns), Part, self._within(limit_ns))

    def open(self, workers: Workers, with_outputs: bool) -> None:
        """Load the model, run it once, compute outputs if `with_outputs`, and warm up."""
        self.load(workers)
        worker = self._running()
        if with_outputs:
            started = perf_counter_ns()
            computed = worker.ask(ComputeOutputs(OUTPUTS_LIMIT_NS), Outputs, self._within(OUTPUTS_LIMIT_NS))
            self._outputs = computed.outputs
            self.cost_ns -= perf_counter_ns() - started
        warmed_up = worker.ask(WarmUp(WARM_UP_NS), WarmedUp, self._within(WARM_UP_NS))
        self._warmup = warmed_up.inferences
        wanted_ns = round(BLOCK_INFERENCES * warmed_up.inference_ns)
        self._block_ns = min(LONGEST_BLOCK_NS, max(SHORTEST_BLOCK_NS, wanted_ns))
        self._read_memory()

    def take_turn(self, blocks: int, budget_ns: float) -> None:
        """Time some of `blocks` in all; see `wants_more` for when the last turn is over."""
        started = perf_counter_ns()
        wanted = min(-(-blocks // TURNS), blocks - len(self.blocks_ns))
        turn_ns = min(TURN_NS, int(budget_ns - self.spent_ns))
        timed = self._blocks(TimeBlocks(BLOCK_CALLS, self._block_ns, wanted, turn_ns))
        self.blocks_cost_ns += perf_counter_ns() - started
        self.blocks_ns += timed.ns
        self.cpu_time_ns += timed.cpu_time_ns
        self.spent_ns += sum(map(sum, timed.ns))
        self._samples += sum(map(len, timed.ns))

    def finish(self, with_copies: bool) -> None:
        """Time inferences with copies of inputs and outputs, if `with_copies`, and read the peak memory."""
        if with_copies:
            (self._end_to_end_ns,) = self._blocks(TimeBlocks(COPIES_CALLS, COPIES_NS, end_to_end=True)).ns
        self._read_memory()

    def wants_more(self, blocks: int, budget_ns: float) -> bool:
        """Return whether to take another turn, for `blocks` in all. budget_ns: timed work per launch."""
        if self.lost is not None or len(self.blocks_ns) >= blocks:
            return False
        return self.spent_ns < budget_ns and self._samples < SAMPLES

    def end(self) -> None:
        """Let the worker end. Does not wait for it."""
        if self._worker is not None:
            self._worker.end()

    def close(self) -> None:
        """Wait for the worker to end, and kill it if it does not."""
        if self._worker is not None:
            self._worker.close()

    def kill(self) -> None:
        """Kill the worker. Thread-safe."""
        if self._worker is not None:
            self._worker.kill()

    def result(self) -> Launch:
        """Return what was measured. At least one block must have been timed."""
        ready = self._ready
        assert ready is not None
        return Launch(
            job=self.job.id,
            launch=self.number,
            warmup=self._warmup,
            blocks_ns=self.blocks_ns,
            cpu_time_ns=self.cpu_time_ns,
            end_to_end_ns=self._end_to_end_ns,
            outputs=self._outputs,
            peak_memory_bytes=self._peak_memory_bytes,
            launcher=self._running().launcher,
            cost_ns=max(0, self.cost_ns),
            **vars(ready),
        )

    def failure(self) -> Failure:
        """Return why the worker was lost."""
        lost = self.lost
        assert lost is not None
        stderr = "" if self._worker is None else self._worker.stderr_tail()
        hint = registry.find(self.job.delegate).crash_hint if lost.signal_name else ""
        reason = lost.reason + ("; " + hint if hint else "")
        return Failure(self.job.id, self.number, lost.stage, reason, lost.signal_name, stderr)

    def _blocks(self, command: TimeBlocks) -> Blocks:
        return self._running().ask(command, Blocks, self._within(command.turn_ns + command.limit_ns))

    def _read_memory(self) -> None:
        self._peak_memory_bytes = self._running().ask(ReadMemory(), Memory, self.job.timeout_s).peak_bytes

    def _within(self, limit_ns: int) -> float:
        """Return the seconds after which a worker that works for `limit_ns` counts as hung."""
        return self.job.timeout_s + limit_ns / 1e9

    def _running(self) -> WorkerLink:
        assert self._worker is not None
        return self._worker
