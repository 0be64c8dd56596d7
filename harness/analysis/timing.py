"""The times of a cell: its latency, and the floor of each launch.

The same statistics as in delegates.stats, but with numpy, as a run may hold millions of samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from delegates import stats
from delegates.wire import Launch
from harness.record import Latency

Array = npt.NDArray[np.float64] | npt.NDArray[np.int64]
Samples = Sequence[int] | Sequence[float] | Array
Blocks = Sequence[Samples]


@dataclass(frozen=True)
class Timing:
    """The times of a cell.

    floors: in ns, by launch number. cpu_time_floors: the same for the CPU time of the process, of launches
    that measured it.
    """

    latency: Latency | None
    end_to_end: Latency | None
    floors: dict[int, float]
    cpu_time_floors: dict[int, float]
    timer_resolution_ns: float  # the coarsest of the launches
    clock_error: float  # how far its steps may have moved the floors, as a part of them
    spread: list[float]  # some thousands of the samples in ns, evenly spaced

    @property
    def has_times(self) -> bool:
        """Whether the clock moved: False if half of the inferences took 0 ns."""
        return self.latency is None or self.latency.median > 0

    @property
    def throughput_per_s(self) -> float | None:
        """Inferences per second, one after the other, at the median latency."""
        return 1000 / self.latency.median if self.latency and self.latency.median else None


_SPREAD = 4000  # samples to look for groups and outliers in


def of(launches: Sequence[Launch]) -> Timing:
    """Return the times of a cell with these launches."""
    blocks = [block for launch in launches for block in launch.blocks_ns]
    samples = _joined(blocks)
    floors = _floors({launch.launch: launch.blocks_ns for launch in launches})
    shortest = min((floor for floor in floors.values() if floor > 0), default=math.inf)
    step_ns = max((launch.timer_resolution_ns for launch in launches), default=0.0)
    return Timing(
        latency=summary(samples, sum(any(map(len, launch.blocks_ns)) for launch in launches)),
        end_to_end=summary(
            _joined([launch.end_to_end_ns for launch in launches]),
            sum(len(launch.end_to_end_ns) > 0 for launch in launches),
        ),
        floors=floors,
        cpu_time_floors=_floors({launch.launch: launch.cpu_time_ns for launch in launches}),
        timer_resolution_ns=step_ns,
        clock_error=stats.clock_error_ns(step_ns, _jitter_ns(blocks)) / shortest,
        spread=samples[:: max(1, len(samples) // _SPREAD)].tolist(),
    )


def summary(samples: Array, launches: int) -> Latency | None:
    """Summarize samples in ns as figures in ms, like stats.summary_ms; None without samples."""
    count = len(samples)
    if not count:
        return None
    p90, p99 = (90 if count >= 10 else None), (99 if count >= 100 else None)
    wanted = {percent: _neighbours(count, percent) for percent in (0, 50, p90, p99) if percent is not None}
    positions = sorted({position for below, above, _ in wanted.values() for position in (below, above)})
    ordered = np.partition(samples, positions)

    def at(percent: int | None) -> float | None:
        if percent is None:
            return None
        below, above, fraction = wanted[percent]
        low, high = (float(ordered[position]) / stats.NS_PER_MS for position in (below, above))
        return low + (high - low) * fraction

    return Latency(
        count=count,
        launches=launches,
        min=at(0) or 0.0,
        median=at(50) or 0.0,
        mean=float(samples.sum()) / count / stats.NS_PER_MS,
        stdev=float(samples.std(ddof=1)) / stats.NS_PER_MS if count > 1 else None,
        p90=at(p90),
        p99=at(p99),
    )


def launch_floor(blocks: Blocks) -> float | None:
    """Return the lower tercile of the floors of blocks, in ns; None without samples.

    The same as stats.launch_floor.
    """
    floors = [floor for alike in _by_size(blocks) for floor in _block_floors(alike)]
    return stats.tercile(floors)


def two_modes(samples: Samples, apart: float = 1.1, share: float = 0.1) -> list[float] | None:
    """Return the centres of the two groups that samples fall into; None if they form one group.

    The split is Otsu's threshold on logarithms (IEEE Trans. SMC 9, 1979). There are two groups if it explains
    nine tenths of the variance, the centres differ by the factor `apart`, and the smaller group holds at
    least `share` of the samples.
    """
    values = np.asarray(samples)
    logs = np.sort(np.log(values[values > 0]))
    count = len(logs)
    if count < 20:
        return None
    sums, sizes = np.cumsum(logs)[:-1], np.arange(1, count)
    between = (sums - sizes * logs.mean()) ** 2 * count / (sizes * (count - sizes))
    split = int(between.argmax()) + 1
    variance = float(((logs - logs.mean()) ** 2).sum())
    if between[split - 1] < 0.9 * variance or not share * count <= split <= (1 - share) * count:
        return None
    centres = [math.exp(logs[:split].mean()), math.exp(logs[split:].mean())]
    return centres if centres[1] >= apart * centres[0] else None


def median_ms(values_ns: Sequence[float]) -> float | None:
    """Return the median in ms of values in ns, one per launch; None without values."""
    median = stats.median(values_ns)
    return None if median is None else median / stats.NS_PER_MS


def _floors(launches: Mapping[int, Blocks]) -> dict[int, float]:
    """Return the floor of each launch that has samples."""
    floors = {number: launch_floor(blocks) for number, blocks in launches.items()}
    return {number: floor for number, floor in floors.items() if floor is not None}


def _by_size(blocks: Blocks) -> list[Array]:
    """Return the blocks with samples, as one array of shape (blocks, samples) per number of samples."""
    by_size: dict[int, list[Samples]] = {}
    for block in blocks:
        by_size.setdefault(len(block), []).append(block)
    return [np.array(alike) for size, alike in by_size.items() if size]


def _block_floors(blocks: Array) -> list[float]:
    """Return stats.block_floor of blocks with shape (blocks, samples)."""
    first, last = stats.floor_range(blocks.shape[1])
    kept = np.partition(blocks, (first, last - 1), axis=1)[:, first:last]
    means: list[float] = (kept.sum(axis=1) / (last - first)).tolist()
    return means


def _jitter_ns(blocks: Blocks) -> float:
    """Return how far a block's median lies above its 10th percentile: the middle one of all blocks."""
    above: list[float] = []
    for alike in _by_size(blocks):
        low, middle = np.percentile(alike, (10, 50), axis=1)
        above += (middle - low).tolist()
    return stats.median(above) or 0.0


def _neighbours(count: int, percent: float) -> tuple[int, int, float]:
    """Return the two positions between which a percentile lies, and the fraction: see stats.percentile."""
    position = (count - 1) * percent / 100
    below = int(position)
    return below, min(below + 1, count - 1), position - below


def _joined(parts: Blocks) -> Array:
    filled = [part for part in parts if len(part)]
    return np.concatenate(filled) if filled else np.empty(0)
