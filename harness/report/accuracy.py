"""Accuracy in words: the metric, its value, and the change against float32."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from harness.record import Accuracy, Document, Evaluation, Interval, Row, subject
from harness.record.comparison import ComparedCell
from harness.record.site import SiteAccuracy
from harness.report.figures import NONE, clean, number, plural, some
from harness.report.paragraphs import Paragraph

_NAMES = {"top1": "top-1", "top5": "top-5", "mse": "MSE", "mae": "MAE"}
_REFERENCES = 3  # that a line names


def metric(accuracy: Accuracy | SiteAccuracy) -> str:
    """Return the metric's name: top-1, MSE, or the name of a user's function."""
    return clean(_NAMES.get(accuracy.metric, accuracy.metric.rpartition(":")[2]))


def is_share(accuracy: Accuracy | SiteAccuracy) -> bool:
    """Return whether it is a share of the samples."""
    return accuracy.metric in ("top1", "top5")


def value(accuracy: Accuracy | SiteAccuracy | None) -> str:
    """Format the value: a share in percent, rounded down (100.0 means all), others with three digits."""
    if accuracy is None:
        return NONE
    if not is_share(accuracy):
        return number(accuracy.value)
    return f"{math.floor(1000 * accuracy.value + 1e-9) / 10:.1f}"


def unit(accuracy: Accuracy) -> str:
    """Return the unit of a change: points of a share, per cent of an error, none of a user's score."""
    if is_share(accuracy):
        return "points"
    return "%" if accuracy.metric in ("mse", "mae") else ""


def change(accuracy: Accuracy | None, *, wide: bool) -> str:
    """Format the change against float32: "-0.3 [-1.6, +0.8]" if `wide`, else "-0.3 ±1.3" (the longer side).

    Of a share in points, and of a score, below 0 is worse; of an error, in per cent, above 0.
    """
    found = None if accuracy is None else _change(accuracy)
    return NONE if found is None else _signed(found, wide=wide)


def _signed(found: Interval, *, wide: bool) -> str:
    low, high = found.low, found.high
    if low is None or high is None:
        return f"{found.value:+z.1f}"
    half = max(high - found.value, found.value - low)
    places = min(6, max(1, math.ceil(-math.log10(half)))) if half > 0 else 1
    if wide:
        return f"{found.value:+z.{places}f} [{low:+z.{places}f}, {high:+z.{places}f}]"
    return f"{found.value:+z.{places}f} ±{math.ceil(round(half * 10**places, 6)) / 10**places:.{places}f}"


def is_worse(accuracy: Accuracy | SiteAccuracy) -> bool:
    """Return whether it is shown to be worse than float32."""
    return accuracy.drop is not None and (accuracy.drop.low or 0.0) > 0


def with_metric(accuracy: Accuracy | SiteAccuracy) -> str:
    """Return "top-1 95.6%"."""
    percent = "%" if is_share(accuracy) else ""
    return f"{metric(accuracy)} {value(accuracy)}{percent}"


def price(accuracy: Accuracy) -> str:
    """Return "top-1 95.6% (-0.3 points [-1.6, +0.8])"."""
    text = with_metric(accuracy)
    if accuracy.drop is None:
        return text
    told, _, bounds = change(accuracy, wide=True).partition(" [")
    return f"{text} ({_with_unit(told, accuracy)}{' [' + bounds if bounds else ''})"


def compared(cell: ComparedCell) -> str:
    """Return "top-1 95.3 → 94.2% (-1.1 points [-1.9, -0.3])" for BASE and HEAD."""
    known = [None if one is None else one.accuracy for one in (cell.base, cell.head)]
    shown = next((one for one in known if one is not None), None)
    if shown is None:
        return "accuracy not known"
    percent = "%" if is_share(shown) else ""
    text = f"{metric(shown)} {value(known[0])} → {value(known[1])}{percent}"
    change = cell.accuracy_change
    if change is None:
        return text
    scale = 1.0 if unit(shown) == "" else 100.0
    told, _, bounds = _signed(_scaled(change, scale), wide=True).partition(" [")
    return f"{text} ({_with_unit(told, shown)}{' [' + bounds if bounds else ''})"


def paragraph(document: Document) -> list[Paragraph]:
    """Return the line that says what the accuracy is of, for each subject that has one."""
    asked = {(subject(one), one.side): one.evaluation for one in document.variants if one.evaluation}
    lines: dict[str, None] = {}  # those of both sides may be the same
    for (about, side), evaluation in asked.items():
        rows = [
            row
            for row in document.cells
            if subject(row) == about and side in (None, row.side) and row.accuracy is not None
        ]
        if rows:
            several = f" ({clean(about)})" if len({one for one, _ in asked}) > 1 else ""
            lines[_line(rows, evaluation, several)] = None
    return [Paragraph(line, tone="dim") for line in lines]


def _line(rows: Sequence[Row], evaluation: Evaluation, several: str) -> str:
    left_out = f", {evaluation.excluded} left out as calibrated on" if evaluation.excluded else ""
    told = "the built-in test data" if evaluation.source == "built-in" else clean(evaluation.source)
    how = f" ({clean(evaluation.how)})" if evaluation.how else ""
    return f"{_heading(rows)}{several}: on {_count(rows)} of {told}{how}{left_out}{_against(rows)}"


def _heading(rows: Iterable[Row]) -> str:
    return next(metric(row.accuracy) for row in rows if row.accuracy is not None)


def _count(rows: Iterable[Row]) -> str:
    counts = sorted({row.accuracy.samples for row in rows if row.accuracy is not None})
    between = f"{counts[0]} to " if len(counts) > 1 else ""
    return between + plural(counts[-1], "sample")


def _against(rows: Iterable[Row]) -> str:
    """Return "; change: against float32/cpu@cpu, sample by sample, with its 95 % interval"."""
    named = {clean(row.accuracy.drop.reference) for row in rows if row.accuracy and row.accuracy.drop}
    if not named:
        return ""
    return f"; change: against {some(sorted(named), _REFERENCES)}, sample by sample, with its 95 % interval"


def _with_unit(told: str, accuracy: Accuracy) -> str:
    of = unit(accuracy)
    return told + (of if of == "%" else f" {of}".rstrip())


def _scaled(found: Interval, scale: float) -> Interval:
    low, high = (None if bound is None else scale * bound for bound in (found.low, found.high))
    return Interval(scale * found.value, low, high)


def _change(accuracy: Accuracy) -> Interval | None:
    """Return the change in its unit, with the sign that people expect; None without float32."""
    drop = accuracy.drop
    if drop is None:
        return None
    bounds = (drop.low, drop.high)
    if unit(accuracy) == "%":
        base = accuracy.value - drop.value
        if not base > 0:
            return None
        low, high = (None if bound is None else 100 * bound / base for bound in bounds)
        return Interval(100 * drop.value / base, low, high)
    scale = 100.0 if is_share(accuracy) else 1.0
    high, low = (None if bound is None else -scale * bound for bound in bounds)
    return Interval(-scale * drop.value, low, high)
