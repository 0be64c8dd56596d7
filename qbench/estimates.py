"""Figures with an interval, which answer a comparison only where the interval does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NoReturn

_HOPELESS = 64  # times the budget: nobody waits that long


class Undecided(AssertionError):
    """A comparison that the measured interval can't decide."""


@dataclass(frozen=True)
class Effort:
    """How long and how exactly something was measured: `budget_s` and `precision` of the run."""

    budget_s: float
    precision: float


@dataclass(frozen=True, eq=False)
class Estimate:
    """A measured figure with its 95 % interval. The bounds are None if there is no interval.

    `estimate > 2` is True if the whole interval lies above 2, False if no part of it does, and otherwise
    raises Undecided. Compared with another estimate, both intervals count. `float(estimate)` is the value.
    """

    what: str  # for messages: "speedup over float32/cpu@cpu"
    value: float
    low: float | None
    high: float | None
    unit: str = ""
    effort: Effort | None = None

    def __gt__(self, other: object) -> bool:
        __tracebackhide__ = True
        low, high = _bounds(other)
        return self._answer(other, "above", yes=self._low > high, no=self._high <= low)

    def __ge__(self, other: object) -> bool:
        __tracebackhide__ = True
        low, high = _bounds(other)
        return self._answer(other, "at least", yes=self._low >= high, no=self._high < low)

    def __lt__(self, other: object) -> bool:
        __tracebackhide__ = True
        low, high = _bounds(other)
        return self._answer(other, "below", yes=self._high < low, no=self._low >= high)

    def __le__(self, other: object) -> bool:
        __tracebackhide__ = True
        low, high = _bounds(other)
        return self._answer(other, "at most", yes=self._high <= low, no=self._low > high)

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError(f"{self.what} is an estimate, which equals no number; compare it with < or >")

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self.what} is a figure, not a condition; compare it with < or >")

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        interval = "(no interval)" if self.low is None else f"({self.low:.4g} to {self.high:.4g})"
        return " ".join(f"{self.value:.4g} {interval} {self.unit}".split())

    @property
    def _low(self) -> float:
        return -math.inf if self.low is None else self.low

    @property
    def _high(self) -> float:
        return math.inf if self.high is None else self.high

    def _answer(self, other: object, relation: str, *, yes: bool, no: bool) -> bool:
        __tracebackhide__ = True  # pytest shows the comparison itself
        if yes or no:
            return yes
        shown = repr(other) if isinstance(other, Estimate) else f"{other:g}"
        advice = self._advice(_bounds(other))
        raise Undecided(f"{self.what} is {self}: can't tell whether it is {relation} {shown}; {advice}")

    def _advice(self, limit: tuple[float, float]) -> str:
        """Return what would decide the comparison: an interval narrows with the square root of the work."""
        if self.low is None or self.high is None:
            return "measure longer: there are too few launches for an interval"
        away = _distance(self.value, limit)
        half_width = math.log(self.high / self.low) / 2 if self.low > 0 else math.inf
        if self.effort is None or away <= 0 or (half_width / away) ** 2 > _HOPELESS:
            return "they are too close to be told apart"
        budget_s = self.effort.budget_s * max(1.5, 1.5 * (half_width / away) ** 2)
        precision = min(self.effort.precision, 0.9 * away)
        return f"measure longer: budget_s={round(budget_s, 1):g}, precision={precision:.1g}"


def _bounds(other: object) -> tuple[float, float]:
    """Return the lower and upper bound of a number or an estimate. Raises TypeError."""
    if isinstance(other, Estimate):
        return other._low, other._high
    if isinstance(other, bool) or not isinstance(other, int | float) or math.isnan(other):
        raise TypeError(f"an estimate is compared with a number, not with {other!r}")
    return other, other


def _distance(value: float, limit: tuple[float, float]) -> float:
    """Return how far a figure is from the middle of a limit, as logarithms; 0 where that is not known."""
    if value <= 0 or limit[0] <= 0 or limit[1] == math.inf:
        return 0.0
    return abs(math.log(value) - (math.log(limit[0]) + math.log(limit[1])) / 2)
