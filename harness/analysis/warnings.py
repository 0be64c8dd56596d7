"""What a reader has to know before believing a cell's figures: a code, a sentence and a remedy."""

# ruff: noqa: RUF001 (the typographic signs are meant)

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from delegates import stats

NEIGHBOUR = 0.10  # of one core: less is what an idle machine does by itself
STOLEN = 0.02  # of the run
COARSE = 0.01  # of the median
OUTLIERS = 0.05  # of the samples
BESIDE = 0.05  # of the nearer bound, by which a ratio of medians lies outside a speedup's interval

# Codes of what follows from samples and intervals: made anew where launches of several runs are pooled.
OF_LAUNCHES = frozenset(
    (
        *("zero-times", "coarse-clock", "two-modes", "outliers"),
        *("no-interval", "wide-interval", "medians-differ"),
    )
)


class Doubt(NamedTuple):
    """A warning. `remedy` is what the user can do about it, None where there is nothing to do."""

    code: str
    message: str
    remedy: str | None = None


def of_machine(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Doubt]:
    """What was wrong with the machine while it measured; facts as delegates.probe.facts gathers them."""
    slow = sorted(set(before.get("governors", ())) - {"performance"})
    if slow:
        yield Doubt(
            "governor",
            f"the CPU frequency governor was {', '.join(slow)}: clocks go up and down while timing",
            "cpupower frequency-set -g performance",
        )
    if _throttled(before, after):
        yield Doubt(
            "throttled",
            "the processor was throttled (heat or voltage) during the run",
            "cool it, check the power supply, and run again",
        )
    busy = _others(before, after)
    if busy is not None and busy > NEIGHBOUR:
        yield Doubt(
            "neighbour",
            f"other processes kept {_share(busy)} busy while this was measured",
            "end them; speedups, compared side by side, suffer less than latencies",
        )
    stolen = _stolen(before, after)
    if stolen is not None and stolen > STOLEN:
        yield Doubt(
            "steal",
            f"the host gave {stolen:.0%} of this machine's time to others",
            "measure on a machine of its own",
        )


def of_samples(samples: Sequence[float], timer_resolution_ns: float) -> Iterator[Doubt]:
    """What is strange about a cell's samples (ns)."""
    median = stats.median(samples)
    if median is None:
        return
    if median <= 0:
        yield Doubt(
            "zero-times",
            "half of the inferences took no time at all by the device's clock: these are no measurements",
            "check the device's clock",
        )
        return
    if timer_resolution_ns > COARSE * median:
        part = f"{timer_resolution_ns / median:.1%} of an inference"
        yield Doubt("coarse-clock", f"the clock moves in steps of {timer_resolution_ns:.0f} ns, {part}")
    if far := _far(samples):
        yield far


def of_interval(low: float | None, high: float | None, precision: float) -> Iterator[Doubt]:
    """Whether the interval of a speedup is wider than was asked for."""
    if low is None or high is None:
        yield Doubt(
            "no-interval",
            "the speedup has no interval: there was one launch only, or few that differ too much",
            "raise --budget, or end what else runs on the device",
        )
    elif (high - low) / (high + low) > max(1.5 * precision, 0.001):
        yield Doubt(
            "wide-interval",
            f"the speedup's interval is wider than the ±{precision * 100:g} % asked for",
            "raise --budget, or end what else runs on the device",
        )


def of_medians(
    baseline: Mapping[str, Any] | None, cell: Mapping[str, Any] | None, speedup: Mapping[str, Any]
) -> Iterator[Doubt]:
    """The warning where the medians (`latency_ms` of baseline and cell) and the speedup disagree."""
    low, high = speedup["low"], speedup["high"]
    if not baseline or not cell or low is None or high is None or not cell["median"]:
        return
    ratio = baseline["median"] / cell["median"]
    if low / (1 + BESIDE) <= ratio <= high * (1 + BESIDE):
        return
    # Of two medians, the one that is further above its own minimum is the one that was disturbed.
    stretched = [
        figures["median"] / figures["min"] if figures["min"] else 0.0 for figures in (baseline, cell)
    ]
    whose = "the baseline's" if stretched[0] > stretched[1] else "this cell's"
    yield Doubt(
        "medians-differ",
        f"the ratio of the medians is {ratio:.3g}×, the speedup {speedup['value']:.3g}×: {whose} median holds"
        " slow phases (throttling, a neighbour, two modes), while the speedup compares the floors below them",
        "look at p90 and the other warnings; see docs/statistics.md",
    )


def of_threads(threads: int, cpus: Sequence[int] | None) -> Iterator[Doubt]:
    """Whether a cell had fewer CPUs than threads."""
    if cpus is not None and threads > len(cpus):
        yield Doubt(
            "few-cores",
            f"{threads} threads shared {len(cpus)} CPU{'s' if len(cpus) > 1 else ''}",
            "ask for fewer threads, or give the profile more CPUs in affinity",
        )


def _far(samples: Sequence[float]) -> Doubt | None:
    """Sentences without figures, so that they are said once of all cells they hold for."""
    subsampled = samples[:: max(1, len(samples) // 4000)]
    if stats.two_modes(subsampled):
        return Doubt(
            "two-modes", "inferences fall into two groups over 10 % apart: no single figure is typical"
        )
    if stats.outlier_share(subsampled) > OUTLIERS:
        return Doubt("outliers", f"over {OUTLIERS:.0%} of the inferences took far longer than the rest")
    return None


def _throttled(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Counters that rose, or flags of a Raspberry Pi that are set now (bits 0 to 3 of get_throttled)."""
    if after.get("throttle_count", 0) > before.get("throttle_count", 0):
        return True
    return bool(after.get("throttle_flags", 0) & 0xF)


def _others(before: Mapping[str, Any], after: Mapping[str, Any]) -> float | None:
    """Cores that processes other than ours kept busy, on average."""
    keys = ("cpu_busy_s", "own_cpu_s", "clock_s")
    if not all(key in facts for key in keys for facts in (before, after)):
        return None
    busy, own, wall = (after[key] - before[key] for key in keys)
    home = after.get("home_cpu_s", 0.0) - before.get("home_cpu_s", 0.0)
    return max(0.0, busy - own - home) / wall if wall > 0 else None


def _stolen(before: Mapping[str, Any], after: Mapping[str, Any]) -> float | None:
    keys = ("cpu_steal_s", "cpu_total_s")
    if not all(key in facts for key in keys for facts in (before, after)):
        return None
    steal, total = (after[key] - before[key] for key in keys)
    return steal / total if total > 0 else None


def _share(cores: float) -> str:
    return f"{cores:.0%} of a core" if cores < 1 else f"{cores:.1f} cores"
