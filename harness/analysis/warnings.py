"""Warnings about a cell's figures: what to know before trusting them."""

# ruff: noqa: RUF001 (the typographic signs are meant)

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from delegates import stats
from harness.analysis.speedup import Compared
from harness.analysis.timing import Timing, two_modes
from harness.record import Facts, Latency, Speedup, Warning

NEIGHBOUR = 0.10  # of one core: an idle machine uses less
STOLEN = 0.02  # of the machine's time
COARSE = 0.01  # of the median
OUTLIERS = 0.05  # of the samples
_NAMED = 3  # kinds of damage that are listed
BESIDE = 0.05  # how far a ratio of medians may lie outside the speedup's interval, relative to the bound

# Codes of warnings about all launches of a cell together: derived anew when runs are pooled.
OF_LAUNCHES = frozenset(
    (
        *("ops-unknown", "zero-times", "coarse-clock", "two-modes", "outliers"),
        *("no-interval", "wide-interval", "clock-interval", "medians-differ", "damaged"),
    )
)


def of_machine(before: Facts, after: Facts) -> Iterator[Warning]:
    """Warn about the machine's state while it measured. before, after: facts of delegates.probe.facts."""
    governors = before.get("governors")
    slow = (
        sorted({str(name) for name in governors if name != "performance"})
        if isinstance(governors, list | tuple)
        else []
    )
    if slow:
        yield Warning(
            "governor",
            f"the CPU frequency governor was {', '.join(slow)}: clocks go up and down while timing",
            "cpupower frequency-set -g performance",
        )
    if _throttled(before, after):
        yield Warning(
            "throttled",
            "the processor was throttled (heat or voltage) during the run",
            "cool it, check the power supply, and run again",
        )
    busy = _others(before, after)
    if busy is not None and busy > NEIGHBOUR:
        yield Warning(
            "neighbour",
            f"other processes kept {_share(busy)} busy while this was measured",
            "end them; speedups, compared side by side, suffer less than latencies",
        )
    stolen = _stolen(before, after)
    if stolen is not None and stolen > STOLEN:
        yield Warning(
            "steal",
            f"the host gave {stolen:.0%} of this machine's time to others",
            "measure on a machine of its own",
        )


def of_samples(timing: Timing) -> Iterator[Warning]:
    """Warn about samples that are suspicious in themselves."""
    if timing.latency is None:
        return
    if not timing.has_times:
        yield Warning(
            "zero-times",
            "half of the inferences took no time at all by the device's clock: these are no measurements",
            "check the device's clock",
        )
        return
    coarse = timing.timer_resolution_ns / (timing.latency.median * stats.NS_PER_MS)
    if coarse > COARSE:
        step = f"{timing.timer_resolution_ns:.0f} ns, {coarse:.1%} of an inference"
        yield Warning("coarse-clock", f"the clock moves in steps of {step}")
    yield from _far(timing.spread)


def of_interval(compared: Compared, precision: float) -> Iterator[Warning]:
    """Warn about a speedup that has no interval, or one that is wider than asked for, and say why."""
    if compared.speedup.low is None or compared.speedup.high is None:
        yield Warning(
            "no-interval",
            "the speedup has no interval: there was one launch only, or few that differ too much",
            "raise --budget, or end what else runs on the device",
        )
    elif not compared.converged:
        yield Warning(
            "wide-interval",
            f"the speedup's interval is wider than the ±{precision * 100:g} % asked for",
            "raise --budget, or end what else runs on the device",
        )
    elif not compared.narrow:
        yield Warning(
            "clock-interval",
            f"the steps of the clock make the speedup's interval wider than the ±{precision * 100:g} % asked"
            " for; more launches would not narrow it",
        )


def of_medians(baseline: Latency | None, cell: Latency | None, speedup: Speedup) -> Iterator[Warning]:
    """Warn if the ratio of the medians and the speedup disagree."""
    low, high = speedup.low, speedup.high
    if baseline is None or cell is None or low is None or high is None or not cell.median:
        return
    ratio = baseline.median / cell.median
    if low / (1 + BESIDE) <= ratio <= high * (1 + BESIDE):
        return
    # The median that is further above its own minimum is the one that was disturbed.
    stretched = [figures.median / figures.min if figures.min else 0.0 for figures in (baseline, cell)]
    whose = "the baseline's" if stretched[0] > stretched[1] else "this cell's"
    yield Warning(
        "medians-differ",
        f"the ratio of the medians is {ratio:.3g}×, the speedup {speedup.value:.3g}×: {whose} median holds"
        " slow phases (throttling, a neighbour, two modes), while the speedup compares the floors below them",
        "look at p90 and the other warnings; see docs/statistics.md",
    )


def of_damage(damage: Sequence[str]) -> Iterator[Warning]:
    """Warn about launches that could not be read back completely. damage: one sentence each."""
    if damage:
        more = f"; and {len(damage) - _NAMED} more" if len(damage) > _NAMED else ""
        yield Warning(
            "damaged",
            f"{'; '.join(damage[:_NAMED])}{more}; the figures are of what could be read",
            "check the disk that the results are on, and run again",
        )


def of_threads(threads: int, cpus: Sequence[int] | None) -> Iterator[Warning]:
    """Warn about a cell with fewer CPUs than threads."""
    if cpus is not None and threads > len(cpus):
        yield Warning(
            "few-cores",
            f"{threads} threads shared {len(cpus)} CPU{'s' if len(cpus) > 1 else ''}",
            "ask for fewer threads, or give the profile more CPUs in affinity",
        )


def _far(samples: Sequence[float]) -> Iterator[Warning]:
    """Warn about groups and outliers. The texts hold no figures, so that a table can join equal ones."""
    if two_modes(samples):
        yield Warning(
            "two-modes", "inferences fall into two groups over 10 % apart: no single figure is typical"
        )
    elif stats.outlier_share(samples) > OUTLIERS:
        yield Warning("outliers", f"over {OUTLIERS:.0%} of the inferences took far longer than the rest")


def _throttled(before: Facts, after: Facts) -> bool:
    """Return whether a counter rose, or a Raspberry Pi is throttled now (bits 0 to 3 of get_throttled)."""
    if (_number(after, "throttle_count") or 0) > (_number(before, "throttle_count") or 0):
        return True
    return bool(int(_number(after, "throttle_flags") or 0) & 0xF)


def _others(before: Facts, after: Facts) -> float | None:
    """Return how many cores other processes kept busy on average; None if unknown."""
    busy, own, wall = (_rise(before, after, key) for key in ("cpu_busy_s", "own_cpu_s", "clock_s"))
    if busy is None or own is None or wall is None or wall <= 0:
        return None
    home = _rise(before, after, "home_cpu_s") or 0.0
    return max(0.0, busy - own - home) / wall


def _stolen(before: Facts, after: Facts) -> float | None:
    """Return the part of this machine's time that its host gave to others; None if unknown."""
    steal, total = (_rise(before, after, key) for key in ("cpu_steal_s", "cpu_total_s"))
    return None if steal is None or total is None or total <= 0 else steal / total


def _rise(before: Facts, after: Facts, key: str) -> float | None:
    first, last = _number(before, key), _number(after, key)
    return None if first is None or last is None else last - first


def _number(facts: Facts, key: str) -> float | None:
    """Return a fact if it is a number: what was stored may be damaged."""
    value = facts.get(key)
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _share(cores: float) -> str:
    return f"{cores:.0%} of a core" if cores < 1 else f"{cores:.1f} cores"
