"""Two versions of qbench in turns: how long does `qbench run` take, and how wide are its intervals?

    python benchmarks/versions.py OTHER_CHECKOUT [--runs 6] [--model MODEL]... [-- OPTION...]

OTHER_CHECKOUT: a folder with another version, such as one made by `git worktree add`. Each MODEL is run on
its own, by both versions with the same defaults and a warm cache; without any, it is the built-in one. What
follows -- is passed to `qbench run`, such as --devices-file and --device for a board.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parents[1]
QBENCH = [sys.executable, "-P", "-c", "from harness.cli import main; main()", "run", "--quiet", "--json", "-"]


class Timed(NamedTuple):
    """One run: wall time, launches, and the half-widths of its speedups' intervals as parts of the values."""

    seconds: float
    launches: int
    half_widths: list[float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--model", action="append")
    mine, passed = split(sys.argv[1:])
    options = parser.parse_args(mine)
    print(f"{'model':24} {'seconds':>18} {'ratio of the pairs':>24} {'launches':>12} {'half-width, %':>24}")
    print(f"{'':24} {'other':>9} {'this':>8} {'median':>9} {'range':>14} {'other/this':>12}", end="")
    print(f" {'other: median, p95':>24} {'this: median, p95':>20}")
    for model in options.model or [None]:
        chosen = ["--model", str(Path(model).resolve())] if model else []
        compare(options.other.resolve(), Path(model or "digits").name, [*chosen, *passed], options.runs)


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the arguments before and after --."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def compare(other: Path, name: str, arguments: list[str], runs: int) -> None:
    """Run both versions in turns, each first every other time, and print a line."""
    found: dict[Path, list[Timed]] = {other: [], HERE: []}
    with tempfile.TemporaryDirectory() as folder:
        for checkout in found:
            run(checkout, arguments, Path(folder))  # fills the cache
        for number in range(runs):
            for checkout in sorted(found, reverse=number % 2 == 0):
                found[checkout].append(run(checkout, arguments, Path(folder)))
    theirs, ours = found[other], found[HERE]
    ratios = [mine.seconds / its.seconds for mine, its in zip(ours, theirs, strict=True)]
    middle = [statistics.median(one.seconds for one in made) for made in (theirs, ours)]
    launches = [round(statistics.median(one.launches for one in made)) for made in (theirs, ours)]
    print(
        f"{name:24} {middle[0]:9.1f} {middle[1]:8.1f} "
        f"{statistics.median(ratios):9.2f} {min(ratios):6.2f} to {max(ratios):4.2f} "
        f"{launches[0]:7} /{launches[1]:4} {widths(theirs):>24} {widths(ours):>20}",
        flush=True,
    )


def run(checkout: Path, arguments: list[str], folder: Path) -> Timed:
    """Run a version once."""
    cache, results = folder / f"cache-{checkout.name}", folder / "results"
    env = {**os.environ, "PYTHONPATH": str(checkout), "QBENCH_CACHE": str(cache)}
    started = time.perf_counter()
    done = subprocess.run(
        [*QBENCH, "--results", str(results), *arguments],
        stdout=subprocess.PIPE,
        env=env,
        check=False,
        cwd=checkout,
    )
    if done.returncode not in (0, 3):  # 3: some cells can't be measured here
        sys.exit(f"{checkout}: exit code {done.returncode}")
    seconds = time.perf_counter() - started
    document: dict[str, Any] = json.loads(done.stdout)
    cells = [cell for cell in document["cells"] if cell["latency_ms"]]
    speedups = [cell["speedup"] for cell in cells if cell["speedup"] and cell["speedup"]["low"]]
    halves = [math.log(one["high"] / one["low"]) / 2 for one in speedups if one["high"] > one["low"]]
    return Timed(seconds, sum(cell["latency_ms"]["launches"] for cell in cells), halves)


def widths(made: list[Timed]) -> str:
    """Return the median and the 95th percentile of all half-widths, in percent."""
    halves = sorted(100 * half for one in made for half in one.half_widths)
    return f"{statistics.median(halves):.2f}, {halves[round(0.95 * (len(halves) - 1))]:.2f}"


if __name__ == "__main__":
    main()
