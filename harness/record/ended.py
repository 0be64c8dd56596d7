"""How a cell ended: one type per outcome."""

from __future__ import annotations

from msgspec import Struct

from delegates.wire import Failure


class WorkerEnd(Struct, frozen=True):
    """The remains of a worker that did not finish."""

    stage: str  # what it was doing: see delegates.wire.STAGES
    launch: int = 0
    signal: str | None = None
    stderr: str = ""  # the tail of what it wrote


class Pending(Struct, frozen=True, tag="pending"):
    """The cell has not ended, or its end was not recorded."""


class Skipped(Struct, frozen=True, tag="skipped"):
    """The cell was ruled out before anything was measured."""

    reason: str


class Unavailable(Struct, frozen=True, tag="unavailable"):
    """The hardware, its library, its compiler or a runtime is missing."""

    reason: str
    worker: WorkerEnd | None = None


class Refused(Struct, frozen=True, tag="refused"):
    """The variant could not be made or compiled, or loading or running it failed with an error."""

    reason: str
    worker: WorkerEnd | None = None


class Crashed(Struct, frozen=True, tag="crashed"):
    """The worker died."""

    reason: str
    worker: WorkerEnd | None = None


class TimedOut(Struct, frozen=True, tag="timeout"):
    """The worker hung."""

    reason: str
    worker: WorkerEnd | None = None


class Done(Struct, frozen=True, tag="done"):
    """The cell was measured until the stopping rule was satisfied."""


Ended = Pending | Skipped | Unavailable | Refused | Crashed | TimedOut | Done

_OF_STAGE: dict[str, type[Unavailable | Refused | Crashed | TimedOut]] = {
    "runtime": Unavailable,
    "delegate": Unavailable,
    "link": Unavailable,
    "crash": Crashed,
    "timeout": TimedOut,
}


def of_failure(failure: Failure) -> Ended:
    """Return how a failure of its worker ends a cell."""
    worker = WorkerEnd(failure.stage, failure.launch, failure.signal, failure.stderr)
    return _OF_STAGE.get(failure.stage, Refused)(failure.reason, worker)
