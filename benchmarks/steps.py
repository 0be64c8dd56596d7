"""Find steps in simulated histories: how often where there are none, and how many of those there are.

    python benchmarks/steps.py [--series 1000] [--seed 1] [--real DIR] [--threshold]

Noise is given as the standard deviation of a run around its level. "correlated 0.5" is noise whose neighbours
are correlated so (an autoregressive process of order 1); "bad runs" are normal but for 5 % of the runs, which
take 5 to 50 % longer. --real takes the figures of a folder of runs in which nothing changed: each cell's runs
are drawn anew, in blocks of eight that stay together, so that what neighbouring runs have in common stays.
--threshold prints what the threshold of the test was fitted to.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

from harness.analysis.history import steps
from harness.analysis.history.judging import judged
from harness.session.indexing import list_cells
from harness.store.index import CellFilter, RunFilter

WITHIN = 0.02
LENGTHS = (8, 12, 24, 50, 100, 200)
GROUP = 8  # cells of a machine
BLOCK = 8  # runs that stay neighbours
Noise = Callable[[int, random.Random], list[float]]


def correlated(phi: float, deviation: float) -> Noise:
    """Return what makes noise whose neighbours are correlated."""

    def make(count: int, chance: random.Random) -> list[float]:
        value = chance.gauss(0, deviation)
        found = []
        for _ in range(count):
            found.append(value)
            value = phi * value + math.sqrt(1 - phi * phi) * chance.gauss(0, deviation)
        return found

    return make


def bad_runs(count: int, chance: random.Random) -> list[float]:
    """Normal noise of 1 %, but for one run in twenty."""
    values = correlated(0, 0.01)(count, chance)
    return [
        value + (math.log(chance.uniform(1.05, 1.5)) if chance.random() < 0.05 else 0) for value in values
    ]


def walk(count: int, chance: random.Random) -> list[float]:
    """A level that wanders by 0.5 % from run to run, and 0.5 % around it."""
    level = accumulate(chance.gauss(0, 0.005) for _ in range(count))
    return [value + chance.gauss(0, 0.005) for value in level]


NOISES: dict[str, Noise] = {
    "independent, 0.5 %": correlated(0, 0.005),
    "independent, 2 %": correlated(0, 0.02),
    "correlated 0.5, 2 %": correlated(0.5, 0.02),
    "correlated 0.8, 2 %": correlated(0.8, 0.02),
    "bad runs, 1 %": bad_runs,
    "wandering, 0.5 %": walk,
}


def logs(values: Sequence[float]) -> dict[int, float]:
    return dict(enumerate(values))


def alarms(noise: Noise, count: int, series: int, chance: random.Random) -> float:
    """Return the share of series in which a step is found."""
    return sum(bool(steps.steps(noise(count, chance), math.log1p(WITHIN))) for _ in range(series)) / series


def own_alarms(noise: Noise, count: int, series: int, chance: random.Random) -> tuple[float, float]:
    """Return the share of cells that are said to have moved, by themselves and with the others.

    All cells of a machine share the noise, and each has 0.5 % of its own.
    """
    own, shared, cells = 0, 0, 0
    for _ in range(series // GROUP):
        common = noise(count, chance)
        group = [logs([value + chance.gauss(0, 0.005) for value in common]) for _ in range(GROUP)]
        for found in judged(group, WITHIN):
            own += any(step.whose == "cell" for step in found)
            shared += any(step.whose != "cell" for step in found)
            cells += 1
    return own / cells, shared / cells


def detections(
    noise: Noise, size: float, before: int, after: int, series: int, chance: random.Random
) -> float:
    """Return the share of steps of one cell that are found within three runs, and called its own.

    The cells of its machine share the noise, and each has 0.5 % of its own.
    """
    found = 0
    for _ in range(series // GROUP):
        common = noise(before + after, chance)
        group = [[value + chance.gauss(0, 0.005) for value in common] for _ in range(GROUP)]
        group[0] = [value + (at >= before) * math.log1p(size) for at, value in enumerate(group[0])]
        (mine, *_) = judged([logs(values) for values in group], WITHIN)
        found += any(step.whose == "cell" and abs(step.at - before) <= 3 for step in mine)
    return found / (series // GROUP)


def strongest(values: Sequence[float]) -> float:
    """Return the strength of the strongest split, in units of the noise."""
    scale = max(steps.noise(values), math.log1p(WITHIN) / 8)
    sums = [0.0, *accumulate(steps._clip(values, scale))]
    return max(steps._best(sums, *each).strength for each in steps._intervals(len(values))) / scale


def print_threshold(series: int, chance: random.Random) -> None:
    """Print the 99th percentile of the strongest split in noise."""
    print("runs       independent  correlated 0.5  threshold")
    for count in LENGTHS:
        found = []
        for phi in (0.0, 0.5):
            drawn = sorted(strongest(correlated(phi, 0.01)(count, chance)) for _ in range(series))
            found.append(drawn[int(0.99 * series)])
        print(f"{count:4} {found[0]:16.2f}{found[1]:16.2f}{steps.threshold(count):11.2f}")


def real(folder: Path) -> list[dict[int, float]]:
    """Return the logarithms of the floors of each cell, by run."""
    runs, cells = list_cells(folder, RunFilter(), CellFilter(), print)
    order = {run.folder: at for at, run in enumerate(reversed(runs))}
    found: dict[str, dict[int, float]] = {}
    for cell in reversed(cells):
        if cell.floor_ms:
            found.setdefault(cell.id, {})[order[cell.folder]] = math.log(cell.floor_ms)
    return [values for values in found.values() if len(values) == len(runs)]


def print_real(folder: Path, series: int, chance: random.Random) -> None:
    """Print what is found in the runs as they are, and in runs drawn anew from them."""
    group = real(folder)
    count = len(group[0])
    for values in group:
        spread = steps.noise(list(values.values()))
        apart = [b - a for a, b in zip(list(values.values()), list(values.values())[1:], strict=False)]
        print(f"  from run to run {100 * math.sqrt(sum(x * x for x in apart) / 2 / len(apart)):.2f} %, "
              f"over the long run {100 * spread:.2f} %")  # fmt: skip
    found = judged(group, WITHIN)
    print(f"{len(group)} cells in {count} runs: {sum(map(len, found))} steps")
    own = shared = 0
    tries = max(1, series // len(group))
    for _ in range(tries):
        starts = [chance.randrange(count - BLOCK + 1) for _ in range(-(-count // BLOCK))]
        order = [start + at for start in starts for at in range(BLOCK)][:count]
        for cell in judged([logs([values[at] for at in order]) for values in group], WITHIN):
            own += any(step.whose == "cell" for step in cell)
            shared += any(step.whose != "cell" for step in cell)
    cells = tries * len(group)
    print(f"drawn anew {tries} times: {100 * own / cells:.2f} % of cells have a step of their own, "
          f"{100 * shared / cells:.2f} % one with the others")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", type=Path, help="a folder of runs in which nothing changed")
    parser.add_argument("--threshold", action="store_true")
    options = parser.parse_args()
    chance, series = random.Random(options.seed), options.series
    if options.threshold:
        return print_threshold(series, chance)
    if options.real:
        return print_real(options.real, series, chance)
    print("series in which a step is found though there is none, in %")
    print(f"{'runs':22}" + "".join(f"{count:8}" for count in LENGTHS))
    for name, noise in NOISES.items():
        shares = [alarms(noise, count, series, chance) for count in LENGTHS]
        print(f"{name:22}" + "".join(f"{100 * share:8.2f}" for share in shares), flush=True)
    print(f"\nthe same of {GROUP} cells that share this noise: own steps / steps with the others")
    for name, noise in NOISES.items():
        pairs = [own_alarms(noise, count, series, chance) for count in LENGTHS]
        print(
            f"{name:22}" + "".join(f"{100 * own:5.2f}/{100 * all_:4.1f}" for own, all_ in pairs), flush=True
        )
    print("\nsteps of one of them that are found, in %, by the runs before and after")
    places = ((8, 4), (20, 4), (20, 8), (50, 4), (50, 25))
    print(f"{'':28}" + "".join(f"{f'{b}+{a}':>8}" for b, a in places))
    for name in ("independent, 0.5 %", "independent, 2 %", "correlated 0.8, 2 %"):
        for size in (0.03, 0.05, 0.08):
            shares = [detections(NOISES[name], size, *place, series, chance) for place in places]
            label = f"{name}, step {size:.0%}"
            print(f"{label:28}" + "".join(f"{100 * share:8.1f}" for share in shares), flush=True)
    return None


if __name__ == "__main__":
    main()
