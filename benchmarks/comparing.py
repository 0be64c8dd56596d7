"""Count how often `qbench compare` is wrong about runs of the same thing, and what it sees of a slow-down.

    for i in $(seq 12); do qbench run --model DIR --budget 0.3 --results same; sleep 75; done
    python benchmarks/comparing.py same

Every pair of the runs is compared. Their cells are the same, so each `faster` and `slower` is a false one.
Then every cell but the yardstick is made slower in HEAD by a factor, which its floors are multiplied with.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.analysis.comparison.cells import compared_cells
from harness.analysis.comparison.gates import judged
from harness.analysis.comparison.latency import Parts
from harness.analysis.comparison.side import Part, parts
from harness.record.comparison import ComparedCell, Limits
from harness.session.comparing import open_side

FACTORS = (1.0, 1.03, 1.08, 1.15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("results", type=Path, help="folder with runs of the same thing")
    parser.add_argument("--gate", type=float, default=0.05, help="limit of the gate (default: %(default)s)")
    options = parser.parse_args()
    runs = [parts(*open_side(str(folder), options.results)) for folder in sorted(options.results.iterdir())]
    print(f"{len(runs)} runs; the yardstick moved by {moved(runs)}")
    print("by       slower by    n  faster  slower  same  can't tell  gate fails  undecided  error p50 p95")
    for by, factor in itertools.product(("latency", "speedup", "both"), FACTORS):
        cells = [*compared(runs, factor, Limits(by=by, latency=options.gate))]  # type: ignore[arg-type]
        print(f"{by:8} {factor - 1:9.0%} {line(cells, factor)}")


def compared(runs: list[Parts], factor: float, limits: Limits) -> Iterator[ComparedCell]:
    """Yield every cell of every pair of runs, but for the yardsticks."""
    for base, head in itertools.combinations(runs, 2):
        controls = {part.baseline for part in base.values()}
        changed = {name: part if name in controls else slowed(part, factor) for name, part in head.items()}
        for name, cell in zip(changed, compared_cells(base, changed, limits), strict=True):
            if name not in controls:
                yield judged(cell, limits, other_machine=False)


def slowed(part: Part, factor: float) -> Part:
    """Return a cell with other floors."""
    times = part.timing
    wall, cpu = (
        {number: floor * factor for number, floor in floors.items()}
        for floors in (times.floors, times.cpu_time_floors)
    )
    return part._replace(timing=replace(times, floors=wall, cpu_time_floors=cpu))


def line(cells: list[ComparedCell], factor: float) -> str:
    """Return the shares of verdicts and outcomes, and how far ratios are from the truth."""
    verdicts, total = Counter(cell.verdict for cell in cells), len(cells)
    shares = "  ".join(f"{verdicts[name] / total:6.1%}" for name in ("faster", "slower", "same", "undecided"))
    gates = [sum("latency" in found for found in column) / total for column in outcomes(cells)]
    ratios = sorted(abs(math.log(cell.ratio.value * factor)) for cell in cells if cell.ratio)
    middle, high = ratios[len(ratios) // 2], ratios[int(len(ratios) * 0.95)]
    return f"{total:4} {shares}  {gates[0]:6.1%}  {gates[1]:6.1%}  {middle:.1%} {high:.1%}"


def outcomes(cells: list[ComparedCell]) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    return [cell.failed for cell in cells], [cell.undecided for cell in cells]


def moved(runs: list[Parts]) -> str:
    """Return how far the yardstick's own floors moved between two runs: median and most."""
    limits, found = Limits(), []
    for base, head in itertools.combinations(runs, 2):
        found += [
            abs(math.log(cell.ratio.value))
            for cell in compared_cells(base, head, limits)
            if cell.yardstick and cell.ratio
        ]
    return f"{sorted(found)[len(found) // 2]:.1%} (median), {max(found):.1%} (most)" if found else "nothing"


if __name__ == "__main__":
    main()
