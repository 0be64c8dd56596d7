"""The part of a graph that edgetpu_compiler maps: the first one that the Edge TPU can run."""

from __future__ import annotations

from collections.abc import Sequence

from harness.accelerators.edgetpu.resize import CORAL
from harness.accelerators.partition import first_part, kept
from harness.accelerators.prediction import OpVerdict, Verdict, joined
from harness.tflite import ModelInfo

_REMEDY = "replace the ops that are not mapped, or move them to the end"


def one_part(model: ModelInfo, single: Sequence[OpVerdict]) -> tuple[OpVerdict, ...]:
    """Return the verdicts on the ops of a model, given those on each op by itself.

    An op is certain if its verdict does not depend on any verdict that is not certain, and likely if it
    depends only on likely ones.
    """
    expected = kept(model, [own.verdict for own in single], first_part)
    sure = kept(model, [own.verdict if own.certain else Verdict.UNCERTAIN for own in single], first_part)
    likely = _names(model, [own.likely for own in single])
    unknown = _names(model, [own.verdict is Verdict.UNCERTAIN for own in single])
    return tuple(
        _final(own, verdict, "" if verdict is certainly else likely, unknown)
        for own, verdict, certainly in zip(single, expected, sure, strict=True)
    )


def _names(model: ModelInfo, chosen: Sequence[bool]) -> str:
    return joined(sorted({op.name for op, yes in zip(model.ops, chosen, strict=True) if yes}))


def _depends(likely: str) -> str:
    return f"depends on what becomes of {likely}, which is only likely"


def _final(own: OpVerdict, verdict: Verdict, likely: str, unknown: str) -> OpVerdict:
    """Return the verdict on an op; `likely` names the ops that make it only likely, if any do."""
    if own.verdict is verdict and own.likely == bool(likely):
        return own
    if verdict is Verdict.UNCERTAIN:
        return OpVerdict(verdict, f"depends on whether {unknown} is mapped", CORAL)
    if verdict is Verdict.DELEGATED:
        reason = f"supported; {_depends(likely)}" if likely else None
        return OpVerdict(verdict, reason, CORAL, likely=bool(likely))
    reason = "supported, but behind an op that is not: the compiler keeps one part of the graph"
    if likely:
        reason += f"; {_depends(likely)}"
    return OpVerdict(verdict, reason, CORAL, _REMEDY, likely=bool(likely))
