"""Time `qbench run` without its measuring: until the first request, and after the last answer.

python benchmarks/home.py [--times 6] [--against CHECKOUT] [ARGUMENT...]

The built-in model is measured on cpu and xnnpack, or what ARGUMENTS of `qbench run` say, with a cache that is
filled first. With --against, another checkout takes turns with this one: the machine's load changes both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ["--device", "cpu", "--device", "xnnpack", "--budget", "0.05"]
# Notes the time and the CPU time of home and its children when measuring begins and ends.
RUN = """
import json, os, sys, time
from harness.cli import main
from harness.session.measuring import Measuring
measure, marks = Measuring.measure, []
def mark():
    used = os.times()
    marks.append([time.time(), used.user + used.system, used.children_user + used.children_system])
def marked(self):
    mark()
    try:
        measure(self)
    finally:
        mark()
        open(os.environ["MARKS"], "w").write(json.dumps(marks))
Measuring.measure = marked
main()
"""
COLUMNS = ("wall before", "wall after", "CPU before", "CPU beside", "CPU after", "probing's CPU")


def seconds(checkout: Path, arguments: list[str]) -> list[float]:
    """Run once, and return the seconds of each column."""
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder) / "marks"
        environment = {**os.environ, "PYTHONPATH": str(checkout), "MARKS": str(marks)}
        command = [sys.executable, "-c", RUN, "run", "--quiet", "--results", folder, *arguments]
        began = time.time()
        process = subprocess.Popen(command, cwd=checkout, env=environment, stdout=subprocess.DEVNULL)
        used = os.wait4(process.pid, 0)[2]
        over = time.time()
        (begin, home_begin, children_begin), (end, home_end, children_end) = json.loads(marks.read_text())
    home = used.ru_utime + used.ru_stime - children_end
    return [begin - began, over - end, home_begin, home_end - home_begin, home - home_end, children_begin]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=6)
    parser.add_argument("--against", type=Path, help="another checkout")
    options, arguments = parser.parse_known_args()
    checkouts = [ROOT] if options.against is None else [options.against.resolve(), ROOT]
    took: dict[Path, list[list[float]]] = {checkout: [] for checkout in checkouts}
    for _ in range(1 + options.times):
        for checkout in checkouts:
            took[checkout].append(seconds(checkout, arguments or MEASURED))
    print(f"seconds, median of {options.times}".ljust(40), *(f"{name:>13}" for name in COLUMNS))
    for checkout, runs in took.items():
        medians = map(statistics.median, zip(*runs[1:], strict=True))  # without the first: it fills the cache
        print(str(checkout)[-40:].ljust(40), *(f"{median:13.3f}" for median in medians))


if __name__ == "__main__":
    main()
