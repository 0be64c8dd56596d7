"""Which ops a delegate will take, and why not the others, told from the file alone: nothing runs.

Every prediction is per delegate and, where the delegate belongs to a runtime, per runtime version. A
verdict is certain only where a document or the delegate's own source settles it; it is `likely` where no
document does and it came out so wherever it was seen; the rest is `uncertain`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from delegates.wire import Runtime
    from harness.tflite import ModelInfo


class Verdict(StrEnum):
    TAKEN = "taken"
    LEFT = "not taken"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True)
class OpVerdict:
    """What is expected of one op. `reason` is the constraint in words, None where it is simply taken."""

    verdict: Verdict
    reason: str | None = None
    source: str = ""  # the document that says so
    remedy: str | None = None
    likely: bool = False  # taken, or not taken, as far as was seen; `reason` then says what was seen

    @property
    def certain(self) -> bool:
        return self.verdict is not Verdict.UNCERTAIN and not self.likely


@dataclass(frozen=True)
class Refusal:
    """Why the runtime, or the delegate's compiler, takes nothing of the model at all."""

    reason: str
    source: str
    remedy: str | None = None
    certain: bool = True


@dataclass(frozen=True)
class Prediction:
    """One verdict per op of the primary subgraph, in order; none is taken where `refusal` is certain."""

    delegate: str
    target: str  # what it holds for: "ai-edge-litert 2.3.0", "edgetpu_compiler 16.0"
    ops: tuple[OpVerdict, ...]
    partitions: int | None = None  # None: not known
    refusal: Refusal | None = None

    @property
    def total(self) -> int:
        return len(self.ops)

    def count(self, verdict: Verdict) -> int:
        return sum(op.verdict is verdict for op in self.ops)

    @property
    def likely(self) -> int:
        """Ops that are taken, or not taken, only as far as was seen."""
        return sum(op.likely for op in self.ops)

    @property
    def outcome(self) -> str:
        """all, partly, none, refused or uncertain."""
        if self.refusal is not None:
            return "refused" if self.refusal.certain else "uncertain"
        if self.count(Verdict.UNCERTAIN):
            return "uncertain"
        taken = self.count(Verdict.TAKEN)
        return "none" if not taken else "all" if taken == self.total else "partly"


Predictor = Callable[["ModelInfo", "Runtime", Mapping[str, Any]], Prediction]


def predict(
    model: ModelInfo, delegate: str, runtime: Runtime, options: Mapping[str, Any] | None = None
) -> Prediction:
    """What `delegate` is expected to take of `model`.

    runtime: name (tflite-runtime, ai-edge-litert or tensorflow) and version; the Edge TPU's rules are
        those of its compiler, the runtime then only has to load what is left.
    options: the delegate's, as the device profile gives them.
    """
    from harness.accelerators.registry import PREDICTORS

    found = PREDICTORS.get(delegate, _unknown)(model, runtime, options or {})
    if found.refusal is None or not found.refusal.certain:
        return found
    why = found.refusal
    left = OpVerdict(Verdict.LEFT, why.reason, why.source, why.remedy)
    return replace(found, ops=(left,) * found.total, partitions=None)


def all_alike(
    model: ModelInfo, delegate: str, target: str, verdict: OpVerdict, refusal: Refusal | None = None
) -> Prediction:
    """A prediction that says the same of every op."""
    return Prediction(delegate, target, (verdict,) * len(model.ops), partitions=None, refusal=refusal)


def joined(words: Sequence[str]) -> str:
    """ "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def _unknown(model: ModelInfo, runtime: Runtime, options: Mapping[str, Any]) -> Prediction:
    verdict = OpVerdict(Verdict.UNCERTAIN, "what its library takes is known only to the library")
    library = str(options.get("library", "its library"))
    return all_alike(model, "external", library, verdict)
