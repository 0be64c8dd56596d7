"""The times of a cell with intervals, in ms, from the spread of its launches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from delegates import stats

if TYPE_CHECKING:
    from delegates.wire import Launch
    from harness.analysis.timing import Timing


def latency_ms(launches: Sequence[Launch], timing: Timing) -> stats.Interval | None:
    """Return the middle one of the launches' median times; None if a clock stood still."""
    import numpy as np

    medians = [float(np.median([*chain(*one.blocks_ns)])) for one in launches if any(map(len, one.blocks_ns))]
    return _located(medians, timing)


def floor_ms(timing: Timing) -> stats.Interval | None:
    """Return the middle one of the launches' floors; None if a clock stood still."""
    return _located(timing.floors.values(), timing)


def _located(values_ns: Iterable[float], timing: Timing) -> stats.Interval | None:
    """Return the centre of one value per launch. What the steps of the clock may hide widens the interval."""
    found = stats.locate([math.log(value) for value in values_ns if value > 0])
    if found is None or not timing.has_times:
        return None
    value, low, high = stats.from_logs(found, timing.clock_error)
    per_ms = stats.NS_PER_MS
    return stats.Interval(value / per_ms, low and low / per_ms, high and high / per_ms)
