"""The CPU time that `qbench show` takes for one run, and for many that are pooled.

python benchmarks/showing.py [--results DIR] [--runs 10]

Without --results the built-in model is measured that often first, which takes about half a minute a run. With
it, the latest runs of that folder are taken, which have to be of the same thing. Pooled runs are to take less
than a second.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIMES = 5
TARGET_S = 1.0
MEASURED = ("--device", "cpu", "--device", "xnnpack", "--quiet")


def qbench(*arguments: str) -> tuple[float, str]:
    """CPU seconds of one call, those of its child processes included, and what it wrote to stdout."""
    command = [sys.executable, "-c", "from harness.cli import main; main()", *arguments]
    before = os.times()
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    after = os.times()
    user_s = after.children_user - before.children_user
    return user_s + after.children_system - before.children_system, said


def show(runs: list[str], results: Path) -> None:
    """Print the CPU time of showing these runs, the least and the most of some calls."""
    _, said = qbench("show", *runs, "--results", str(results), "--json", "-")
    samples = sum(cell["latency_ms"]["count"] for cell in json.loads(said)["cells"] if cell["latency_ms"])
    took = sorted(qbench("show", *runs, "--results", str(results))[0] for _ in range(TIMES))
    name = f"{len(runs)} runs pooled" if len(runs) > 1 else "one run"
    print(f"{name:15} {samples:>12,} samples  {took[0]:.2f} to {took[-1]:.2f} s of CPU")
    if len(runs) > 1:
        print("under" if took[0] < TARGET_S else "OVER", f"{TARGET_S:g} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--results", type=Path, help="a folder of runs that are there already")
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as empty:
        results = options.results or Path(empty)
        for _ in range(0 if options.results else options.runs):
            qbench("run", *MEASURED, "--results", str(results))
        runs = sorted(path.name for path in results.iterdir() if path.is_dir())[-options.runs :]
        show(runs[-1:], results.resolve())
        show(runs, results.resolve())


if __name__ == "__main__":
    main()
