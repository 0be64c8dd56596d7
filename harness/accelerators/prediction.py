"""Predictions of which ops a delegate runs, made from the model file alone.

A prediction is for one delegate and, if the delegate is part of a runtime, for one runtime version. A verdict
is certain only if a document or the delegate's source settles it. It is `likely` if no document does, but
every observation agrees. Otherwise it is `uncertain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.record import ExpectedOps
from harness.tflite import ModelInfo


class Verdict(StrEnum):
    """Whether a delegate will run an op. The values are written to documents."""

    DELEGATED = "taken"
    NOT_DELEGATED = "not taken"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True)
class OpVerdict:
    """The prediction for one op."""

    verdict: Verdict
    reason: str | None = None  # why it is not delegated, or why that is uncertain
    source: str = ""  # the document that says so
    remedy: str | None = None  # what to do about it
    likely: bool = False  # observed but not documented; `reason` says what was observed

    @property
    def certain(self) -> bool:
        """True if a document, source code or the runtime itself settles the verdict."""
        return self.verdict is not Verdict.UNCERTAIN and not self.likely


@dataclass(frozen=True)
class Refusal:
    """Why the runtime, or the delegate's compiler, will refuse the model as a whole."""

    reason: str
    source: str
    remedy: str | None = None
    certain: bool = True


@dataclass(frozen=True)
class Prediction:
    """One verdict per op of the primary subgraph, in order; none is delegated if `refusal` is certain."""

    delegate: str
    target: str  # what it is valid for: "ai-edge-litert 2.3.0", "edgetpu_compiler 16.0"
    ops: tuple[OpVerdict, ...]
    partitions: int | None = None  # None: not known
    refusal: Refusal | None = None

    @property
    def total(self) -> int:
        """The number of ops."""
        return len(self.ops)

    def count(self, verdict: Verdict) -> int:
        """Return the number of ops with this verdict, likely ones included."""
        return sum(op.verdict is verdict for op in self.ops)

    @property
    def likely(self) -> int:
        """The number of ops whose verdict is only likely."""
        return sum(op.likely for op in self.ops)

    @property
    def refused(self) -> bool:
        """True if the model is certain to be refused as a whole."""
        return self.refusal is not None and self.refusal.certain

    @property
    def outcome(self) -> str:
        """all, partly, none, refused or uncertain."""
        if self.refusal is not None:
            return "refused" if self.refusal.certain else "uncertain"
        if self.count(Verdict.UNCERTAIN):
            return "uncertain"
        delegated = self.count(Verdict.DELEGATED)
        return "none" if not delegated else "all" if delegated == self.total else "partly"


def all_alike(
    model: ModelInfo, delegate: str, target: str, verdict: OpVerdict, refusal: Refusal | None = None
) -> Prediction:
    """Return a prediction with the same verdict for every op."""
    return Prediction(delegate, target, (verdict,) * len(model.ops), partitions=None, refusal=refusal)


def refused_as_a_whole(prediction: Prediction) -> Prediction:
    """Return the prediction with no op delegated if the model is certain to be refused."""
    why = prediction.refusal
    if why is None or not why.certain:
        return prediction
    verdict = OpVerdict(Verdict.NOT_DELEGATED, why.reason, why.source, why.remedy)
    return replace(prediction, ops=(verdict,) * prediction.total, partitions=None)


_ANSWERS = {Verdict.DELEGATED: True, Verdict.NOT_DELEGATED: False, Verdict.UNCERTAIN: None}


def expected(prediction: Prediction, model: ModelInfo) -> ExpectedOps:
    """Convert a prediction to what a run records, to explain what the device will report.

    If the model was expected to be refused and ran all the same, the rules say nothing about its ops.
    """
    names = tuple(op.name for op in model.ops)
    if prediction.refused:
        return ExpectedOps(names, (None,) * len(names), (None,) * len(names))
    reasons = (None if op.verdict is Verdict.DELEGATED else op.reason for op in prediction.ops)
    return ExpectedOps(names, tuple(_ANSWERS[op.verdict] for op in prediction.ops), tuple(reasons))


def joined(words: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
