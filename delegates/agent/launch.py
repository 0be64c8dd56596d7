"""One launch: a fresh worker of one job, what it said, and its blocks."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

from ..backends import registry
from ..wire import Failure, Job, Launch, OpGroup, Ops, Output, encode
from .process import Lost, Worker

BLOCK_NS = 20_000_000
BLOCK_CALLS = 500
SAMPLES = 10_000  # per launch: percentiles need no more, and files stay small
WARM_UP_NS = 250_000_000
OUTPUTS_LIMIT_NS = 2_000_000_000


class RunningLaunch:
    """Grows from a started process to a Launch; any step may raise Lost."""

    def __init__(self, job: Job, number: int) -> None:
        self.job, self.number = job, number
        self.lost: Optional[Lost] = None
        self.blocks: List[List[int]] = []
        self.own: List[List[int]] = []
        self.spent_ns = 0
        self._samples = 0
        self._worker: Optional[Worker] = None
        self._ready: Dict[str, Any] = {}
        self._warmup = 0
        self._copies: List[int] = []
        self._outputs: List[Output] = []

    def start(self, arguments: Sequence[str]) -> None:
        job = self.job
        self._worker = Worker(job.python, arguments, encode(job), job.env)

    def open(self, with_outputs: bool) -> None:
        """Load, first inference, outputs where wanted, warm-up."""
        worker = self._running()
        worker.send({"turn": True})
        self._ready = worker.answer("ready", self.job.timeout_s)["ready"]
        if with_outputs:
            outputs = self._ask("outputs", "outputs", OUTPUTS_LIMIT_NS)["outputs"]
            self._outputs = [Output(**output) for output in outputs]
        self._warmup = self._ask("warm up", "warmed_up", WARM_UP_NS)["warmed_up"]

    def block(self) -> None:
        answer = self._ask("block", "ns", BLOCK_NS)
        samples = answer["ns"]
        self.blocks.append(samples)
        if "cpu_time_ns" in answer:
            self.own.append(answer["cpu_time_ns"])
        self.spent_ns += sum(samples)
        self._samples += len(samples)

    def copies(self) -> None:
        self._copies = self._ask("copies", "ns", BLOCK_NS)["ns"]

    def wants_more(self, budget_ns: float) -> bool:
        return self.lost is None and self.spent_ns < budget_ns and self._samples < SAMPLES

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()

    def kill(self) -> None:
        if self._worker is not None:
            self._worker.kill()

    def measurement(self) -> Launch:
        facts = dict(self._ready)
        ops = dict(facts.pop("ops"))
        ops["not_delegated"] = [OpGroup(**group) for group in ops["not_delegated"]]
        return Launch(
            job=self.job.id,
            launch=self.number,
            warmup=self._warmup,
            blocks_ns=self.blocks,
            cpu_time_ns=self.own,
            end_to_end_ns=self._copies,
            ops=Ops(**ops),
            outputs=self._outputs,
            **facts,
        )

    def refusal(self) -> Failure:
        lost = self.lost
        assert lost is not None
        stderr = "" if self._worker is None else self._worker.stderr_tail()
        hint = registry.find(self.job.delegate).crash_hint if lost.signal_name else ""
        reason = lost.reason + ("; " + hint if hint else "")
        return Failure(self.job.id, self.number, lost.stage, reason, lost.signal_name, stderr)

    def _running(self) -> Worker:
        assert self._worker is not None
        return self._worker

    def _ask(self, what: str, key: str, limit_ns: int) -> Dict[str, Any]:
        worker = self._running()
        worker.send({"do": what, "calls": BLOCK_CALLS, "limit_ns": limit_ns})
        answer = worker.answer(key, self.job.timeout_s + limit_ns / 1e9)
        self._ready["peak_memory_bytes"] = answer["peak_memory_bytes"]
        return answer
