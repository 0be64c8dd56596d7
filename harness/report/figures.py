"""Format figures (units, digits, intervals), and make names safe to print."""
# ruff: noqa: RUF001, RUF002 (the typographic signs are meant)

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from delegates.wire import Ops
from harness.record import Fidelity, HasSubject, Interval, Speedup, subject
from harness.record.site import SiteFidelity

NONE = "–"
TIME_UNITS = (("µs", 1e-3), ("ms", 1.0), ("s", 1e3))  # of milliseconds
SIZE_UNITS = (("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9))  # of bytes, SI

LONGEST_LINE = 4000  # characters; room for several sentences with paths
LONGEST_WORD = 500  # characters without a space; paths are shorter
LONGEST_NAME = 120  # characters of a name in a table or title

Unit = tuple[str, float]


def common_unit(values: Iterable[float | None], units: tuple[Unit, ...]) -> Unit:
    """Return the largest unit in which the smallest value of a column is at least 1."""
    smallest = min((value for value in values if value), default=0.0)
    return next((unit for unit in reversed(units) if smallest >= unit[1]), units[0])


def number(value: float | None, unit: Unit = ("", 1.0)) -> str:
    """Format with three significant digits and no exponent: 0.201, 4.92, 15.3, 6100."""
    if value is None:
        return NONE
    value /= unit[1]
    return f"{value:.{_decimals(value, 3)}f}"


def factor(value: float | None) -> str:
    """Format a ratio: 3.42×, 12.4×, 0.033×."""
    return NONE if value is None else f"{value:.{_factor_decimals(value)}f}×"


def speedup(interval: Speedup | Interval | None, *, wide: bool) -> str:
    """Format a factor and its interval: 3.42× [3.37–3.47] if `wide`, else 3.42× ±0.05 (the longer side)."""
    if interval is None:
        return NONE
    value, low, high = interval.value, interval.low, interval.high
    if low is None or high is None:
        return factor(value)
    half = max(high - value, value - low)
    # A narrow interval gets more digits, so that its width shows.
    places = max(_factor_decimals(value), min(3, math.ceil(-math.log10(half))) if half > 0 else 0)
    if wide:
        return f"{value:.{places}f}× [{low:.{places}f}–{high:.{places}f}]"
    half = math.ceil(round(half * 10**places, 6)) / 10**places
    return f"{value:.{places}f}× ±{half:.{places}f}"


def sqnr(fidelity: Fidelity | SiteFidelity | None) -> str:
    """Format the SQNR in dB; "exact" if outputs are the same, "NaN" if they are not finite."""
    if fidelity is None:
        return NONE
    if fidelity.sqnr_db is not None:
        return f"{fidelity.sqnr_db:z.1f}"
    if fidelity.max_abs_error is None:
        return "NaN"
    return "exact" if fidelity.max_abs_error == 0 else NONE


def share(value: float | None) -> str:
    """Format a fraction as a percentage, rounded down, so that 100% means all."""
    if value is None:
        return NONE
    percent = math.floor(value * 1000 + 1e-9) / 10
    return "100%" if percent == 100 else f"{percent:.1f}%"


def ops(counts: Ops | None) -> str:
    """Format the number of delegated ops: 103/116."""
    return NONE if counts is None else f"{counts.delegated}/{counts.total}"


def clean(name: object) -> str:
    """Return a name, which may hold terminal escapes, as one printable line of bounded length."""
    words = printable(str(name)).split()
    return brief(" ".join(brief(word, LONGEST_WORD) for word in words), LONGEST_LINE)


def printable(text: str) -> str:
    """Replace every control, format and bidi character except line feeds by a space."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def short(name: object) -> str:
    """Return a name as one printable line that is short enough for a table or title."""
    return brief(clean(name), LONGEST_NAME)


def short_subject(of: HasSubject) -> str:
    """Return model, signature and shape in short, for a title."""
    about = subject(of)
    return " ".join(short(part) for part in (about.model, about.signature, about.shape) if part is not None)


def brief(text: str, longest: int) -> str:
    """Shorten a text to `longest` characters: its two ends with … between them."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 3
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"


def some(names: Sequence[str], most: int) -> str:
    """Join the first `most` names, and say how many more there are: "ADD, MUL and 3 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def plural(count: int, noun: str) -> str:
    """Return a count and its noun: "1 core", "2 cores"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _decimals(value: float, digits: int) -> int:
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    return max(0, digits - 1 - magnitude)


def _factor_decimals(value: float) -> int:
    return _decimals(value, 2) if value < 0.1 else min(2, _decimals(value, 3))
