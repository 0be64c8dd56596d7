"""The time that a warm run spends on hashing, comparing and copying files.

    python benchmarks/hashing.py

Two models: a .tflite of 100 MB, and the float32 variant of mobilenet_v2 (needs TensorFlow the first time).
Each is run once with an empty cache and then three times; the figures are of whole `qbench run`s.
What a board adds: benchmarks/boards.py --part kept.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from dense import dense_model

ROOT = Path(__file__).resolve().parents[1]
WARM_RUNS, BUDGET_S = 3, 0.3
OPTIONS = ("--budget", str(BUDGET_S), "--quiet")
HERE = ("--device", "cpu")

Figures = dict[str, float]

# A run in a process whose cache functions are timed: outermost calls only, so that nothing counts twice.
RUN = """
import functools, json, sys, time
from harness import cache

spent = {}
depth = 0

def timed(name):
    original = getattr(cache, name)
    @functools.wraps(original)
    def wrapper(*arguments, **more):
        global depth
        depth += 1
        start = time.perf_counter()
        try:
            return original(*arguments, **more)
        finally:
            depth -= 1
            if not depth:
                spent[name] = spent.get(name, 0) + time.perf_counter() - start
    setattr(cache, name, wrapper)

for name in ("digest", "digest_file", "put", "get", "keep", "read_record"):
    timed(name)

import harness.cli
start = time.perf_counter()
try:
    harness.cli.main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(json.dumps({"run_s": time.perf_counter() - start, **spent}), file=sys.stderr)
"""


def here(model: str, *more: str) -> Callable[[Path], Figures]:
    """A run of `model` on this machine."""

    def run(folder: Path) -> Figures:
        return measure(folder, "--model", model, *HERE, *more)

    return run


def measure(folder: Path, *arguments: str) -> Figures:
    """Seconds of one `qbench run` in `folder`, all in all and by cache function."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "QBENCH_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", RUN, "run", *OPTIONS, *arguments],
        cwd=folder, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    figures: Figures = json.loads(done.stderr.splitlines()[-1])
    return figures


def report(name: str, run: Callable[[Path], Figures]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cold = run(Path(folder))
        warm = [run(Path(folder)) for _ in range(WARM_RUNS)]
    print(f"{name}: load {os.getloadavg()[0]:.1f}")
    for label, runs in (("first run", [cold]), ("warm runs", warm)):
        totals = [sum(seconds for key, seconds in figures.items() if key != "run_s") for figures in runs]
        walls = [figures["run_s"] for figures in runs]
        print(
            f"  {label}: {1000 * statistics.median(totals):6.0f} ms"
            f" (least {1000 * min(totals):.0f}) of {statistics.median(walls):.2f} s"
        )
    least = min(warm, key=lambda figures: sum(figures.values()) - figures["run_s"])
    parts = {key: 1000 * seconds for key, seconds in least.items() if key != "run_s"}
    print("  of that, warm: " + ", ".join(f"{key} {ms:.1f} ms" for key, ms in parts.items()))


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.tflite"
        large.write_bytes(dense_model(5000, 5000))
        report(f"{large.stat().st_size / 1e6:.0f} MB .tflite, here", here(str(large)))
    report("mobilenet_v2 float32, here", here("mobilenet_v2", "--variant", "float32"))


if __name__ == "__main__":
    main()
