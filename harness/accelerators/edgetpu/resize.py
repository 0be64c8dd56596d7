"""Resizes and tilings that the Edge TPU runs.

Coral's table says only that a resize may stay on the CPU "depending on input/output size, to avoid loss in
precision"; the limits here are what public compiled models and compiler logs show.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.accelerators.ops import OpView
from harness.accelerators.prediction import OpVerdict, Verdict

CORAL = "coral.ai/docs/edgetpu/models-intro"
_SEEN = "public compiled models"
_REMEDY = "enlarge outside of the model, or at its end"
_ISSUES = "github.com/google-coral/edgetpu/issues/"

_LARGEST_DOUBLED = 48  # pixels to a side, from 24, with half-pixel centers alone: 3 of 3 mapped
_LARGEST_NEAREST = 80  # pixels to a side, from 40: the largest in a public log
_LEFT_EXACTLY = {((1, 1), (33, 33)): "8 of 8", ((33, 33), (513, 513)): "9 of 9"}
_LEFT_FROM_TIMES = 15  # both of the above enlarge more than that

Sides = tuple[tuple[int, int], tuple[int, int]]  # height and width, before and after


def bilinear_resize(view: OpView, *issues: str) -> OpVerdict | None:
    """Check the size of a bilinear resize: only some are known to be mapped or not mapped."""
    sides = _sides(view)
    if sides is None:
        return _depends(issues)
    if sides in _LEFT_EXACTLY:
        reason = f"this size stayed on the CPU {_LEFT_EXACTLY[sides]} times, to avoid losing precision"
        return OpVerdict(Verdict.NOT_DELEGATED, reason, f"{CORAL}; {_SEEN}", _REMEDY)
    times = [after / before for before, after in zip(*sides, strict=True)]
    if times == [1, 1]:
        return None if max(sides[1]) <= _LARGEST_DOUBLED else _mapped("a resize to its own size")
    options = view.op.options
    half_pixel = options.get("HalfPixelCenters") and not options.get("AlignCorners")
    if times == [2, 2] and half_pixel and max(sides[1]) <= _LARGEST_DOUBLED:
        return None
    if min(times) >= _LEFT_FROM_TIMES:
        reason = f"enlarged {min(times):.3g} times: resizes of 33 and 15.5 times stayed on the CPU, 17 of 17"
        return OpVerdict(Verdict.NOT_DELEGATED, reason, f"{CORAL}; {_SEEN}", _REMEDY, likely=True)
    return _depends(issues)


def nearest_resize(view: OpView, *issues: str) -> OpVerdict | None:
    """Check that a small input is at most doubled: such resizes were seen mapped."""
    sides = _sides(view)
    if sides is None or max(sides[1]) > _LARGEST_NEAREST:
        return _depends(issues)
    if any(not before <= after <= 2 * before for before, after in zip(*sides, strict=True)):
        return _depends(issues)
    within = f"at most doubled, to at most {_LARGEST_NEAREST} pixels"
    return _mapped(f"{within}: seen mapped in 4 of 4 models, and in logs")


def tiled_pixel(view: OpView) -> OpVerdict | None:
    """Check that a TILE repeats one pixel: the op is not in Coral's table, but that was seen mapped."""
    if any(size > 1 for size in view.inputs[0].shape[:-1]):
        reason = "not in coral's table; only one pixel, repeated over an area, was seen mapped"
        return OpVerdict(Verdict.UNCERTAIN, reason, _SEEN)
    return _mapped("not in coral's table; one pixel repeated over an area was seen mapped 1 of 1")


def _sides(view: OpView) -> Sides | None:
    before, after = view.inputs[0].shape, view.outputs[0].shape
    if len(before) != 4 or len(after) != 4 or min(before[1:3]) < 1:
        return None
    return (before[1], before[2]), (after[1], after[2])


def _mapped(reason: str) -> OpVerdict:
    return OpVerdict(Verdict.DELEGATED, reason, _SEEN, likely=True)


def _depends(issues: Sequence[str]) -> OpVerdict:
    reason = "a resize may stay on the CPU, depending on its sizes and options, to avoid losing precision"
    return OpVerdict(Verdict.UNCERTAIN, reason, f"{CORAL}; {_ISSUES}{', '.join(issues)}")
