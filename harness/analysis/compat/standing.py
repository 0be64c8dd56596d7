"""How a cell stands: one answer of its prediction, its observation and its failure.

The matrix and the verdicts of the report are both made of it, so that they can't contradict each other.
"""

from __future__ import annotations

from msgspec import Struct

from harness.analysis.compat.document import CompatCell, Observed, Predicted
from harness.analysis.compat.judged import Kind, Known
from harness.record import Speedup


class Standing(Struct, frozen=True):
    """How a cell stands. Observed beats predicted, and a failed latest run beats both.

    kind: an outcome, or "wrong" (outputs of no use) or "failed" (the latest run of it crashed or hung).
    """

    kind: Kind
    known: Known
    total: int | None
    taken: int | None
    uncertain: int = 0  # ops that may be taken, too
    likely: bool = False
    perhaps_refused: bool = False
    differs: bool = False  # observed otherwise than predicted
    software: bool = False  # software on the CPU played the accelerator
    compared: bool = True  # False: the outputs were compared with no others
    speedup: Speedup | None = None
    baseline: bool = False
    threads: int = 1

    @property
    def left(self) -> int | None:
        """The number of ops that are not delegated; None if unknown."""
        return None if self.total is None or self.taken is None else self.total - self.taken

    @property
    def slower(self) -> bool:
        """Whether it was measured to be slower than its baseline, by the whole interval."""
        return self.speedup is not None and self.speedup.high is not None and self.speedup.high < 1


def standing(cell: CompatCell) -> Standing:
    """Return how a cell stands."""
    if cell.failure is not None:
        return Standing("failed", "observed", cell.predicted.total, None)
    return _predicted(cell.predicted) if cell.observed is None else _observed(cell.observed)


def _predicted(of: Predicted) -> Standing:
    return Standing(
        of.outcome,
        "predicted",
        of.total,
        of.taken,
        uncertain=of.uncertain,
        likely=bool(of.likely) and of.outcome != "refused",
        perhaps_refused=of.outcome == "uncertain" and of.refusal is not None,
    )


def _observed(of: Observed) -> Standing:
    return Standing(
        "wrong" if of.wrong else of.outcome,
        "observed",
        of.total,
        of.taken,
        differs=of.matches is False,
        software=of.software,
        compared=of.compared,
        speedup=None if of.wrong else of.speedup,
        baseline=of.baseline,
        threads=of.threads,
    )
