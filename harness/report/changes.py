"""Format how much something changed, as percentages with a sign, and name compared cells."""

from __future__ import annotations

from harness.record import Interval
from harness.record.comparison import ComparedCell
from harness.report import figures
from harness.report.figures import clean


def cell_name(cell: ComparedCell, *, threads: bool) -> str:
    """Return "int8 on xnnpack", with the device if its name differs, and with the threads if asked for."""
    where = cell.delegate if cell.delegate == cell.device else f"{cell.delegate}@{cell.device}"
    return clean(f"{cell.variant} on {where}") + (
        f" ({figures.plural(cell.threads, 'thread')})" if threads else ""
    )


def slowdown(ratio: Interval) -> Interval:
    """Return HEAD's time / BASE's - 1, from BASE's time / HEAD's."""
    low, high = (None if bound is None else 1 / bound - 1 for bound in (ratio.high, ratio.low))
    return Interval(1 / ratio.value - 1, low, high)


def percent(value: float, places: int = 1) -> str:
    """Return "+8.4%"."""
    return f"{100 * value:+z.{places}f}%"


def change(interval: Interval | None) -> str:
    """Return "+8.4% [+7.1, +9.8]" for an interval of fractions; without brackets if it has no bounds.

    A narrow interval gets more digits, so that its width shows.
    """
    if interval is None:
        return figures.NONE
    if interval.low is None or interval.high is None:
        return percent(interval.value)
    half = (interval.high - interval.low) / 2
    places = 2 if 0.00002 < half < 0.001 else 0 if abs(interval.value) >= 1 else 1
    low, high = (percent(bound, places).rstrip("%") for bound in (interval.low, interval.high))
    return f"{percent(interval.value, places)} [{low}, {high}]"


def limit(value: float) -> str:
    """Return a limit without a sign: "5%"."""
    return f"{100 * value:g}%"
