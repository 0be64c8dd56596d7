"""Time the work on thousands of stored runs: listing them, naming one, and making the index anew.

    python benchmarks/store.py [--runs 100 1000 10000] [--folder DIR] [--results DIR]

One run of 40 cells is measured first (or taken from the folder of --results). The others are copies of it
with ids, revisions and figures of their own; samples and outputs are hard links. Figures are CPU seconds of a
whole `qbench`, start included: the median of five, but of what is lost, which is made once. 10,000 runs take
about 3 GB under DIR.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
QBENCH = "from harness.cli import main; main()"
CELLS = """
import sys; from pathlib import Path
from harness.session.indexing import list_cells
from harness.store.index import CellFilter, RunFilter
wanted = CellFilter(variants=("a",), devices=("cpu",), threads=(1,)) if sys.argv[2:] else CellFilter()
print(len(list_cells(Path(sys.argv[1]), RunFilter(), wanted, print)[1]))
"""
INDEX = ".qbench-index-3.sqlite"
TIMES = 5
LINKED = ("samples.bin", "outputs.bin")


def cpu_s(code: str, *arguments: object) -> float:
    """CPU seconds of one Python, those of its child processes included."""
    before = os.times()
    command = [sys.executable, "-c", code, *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def median_s(code: str, *arguments: object) -> float:
    return statistics.median(cpu_s(code, *arguments) for _ in range(TIMES))


def measured(folder: Path) -> Path:
    """A real run: five variants on two delegates with one to four threads."""
    sys.path.insert(0, str(Path(__file__).parent))
    from dense import dense_model

    (folder / "net").mkdir()
    for name in "abcde":
        (folder / "net" / f"{name}.tflite").write_bytes(dense_model(32, 8))
    options = ("--device", "cpu", "--device", "xnnpack", "--threads", "1,2,3,4")
    quick = ("--budget", "0.02", "--precision", "50%", "--quiet")
    cpu_s(QBENCH, "run", "--model", folder / "net", *options, *quick, "--results", folder / "real")
    return folder / "real"


class Copies:
    """Copies of a stored run, each an hour younger than the one before."""

    def __init__(self, results: Path) -> None:
        (path,) = results.glob("*/run.json")
        self.folder, self.document = path.parent, json.loads(path.read_text())
        self.first, self.rest = (self.folder / "events.jsonl").read_bytes().split(b"\n", 1)

    def make(self, results: Path, numbers: Sequence[int]) -> None:
        """Make copies by their numbers."""
        for number in numbers:
            self._copy(results, number, random.Random(number))

    def _copy(self, results: Path, number: int, chance: random.Random) -> None:
        start = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        run_id = f"{start:%Y%m%d-%H%M%S}-000-{number:04x}"
        revision = hashlib.sha1(str(number // 5).encode(), usedforsecurity=False).hexdigest()
        git = {"revision": revision, "branch": "main", "dirty": False}
        about = {"run_id": run_id, "started_at": f"{start:%Y-%m-%dT%H:%M:%S}.000Z", "git": git}
        about["tags"] = {"board": f"pi{number % 3}"}
        folder = results / run_id
        folder.mkdir(parents=True)
        for name in LINKED:
            os.link(self.folder / name, folder / name)
        started = json.loads(self.first)
        started["header"].update(about)
        (folder / "events.jsonl").write_bytes(json.dumps(started).encode() + b"\n" + self.rest)
        cells = [varied(cell, chance.gauss(1, 0.02)) for cell in self.document["cells"]]
        (folder / "run.json").write_text(json.dumps({**self.document, **about, "cells": cells}))


def varied(cell: dict[str, Any], factor: float) -> dict[str, Any]:
    """The cell with all times and its speedup times a factor."""
    latency = {k: v * factor if isinstance(v, float) else v for k, v in (cell["latency_ms"] or {}).items()}
    speedup = {k: v / factor if isinstance(v, float) else v for k, v in (cell["speedup"] or {}).items()}
    return {**cell, "latency_ms": latency or None, "speedup": speedup or None}


def costs(results: Path) -> dict[str, float]:
    """Return the cost of each piece of work on a folder of runs, by its name."""
    runs = sorted(path.name for path in results.glob("[!.]*"))
    one, index = runs[len(runs) // 2], results / INDEX
    revision = json.loads((results / one / "run.json").read_text())["git"]["revision"]
    at = ("--results", results)
    index.unlink(missing_ok=True)
    work: dict[str, Callable[[], float]] = {
        "list, index lost": lambda: cpu_s(QBENCH, "list", *at),
        "list": lambda: median_s(QBENCH, "list", *at),
        "list --tag --since": lambda: median_s(
            QBENCH, "list", "--tag", "board=pi1", "--since", "2025-01-03", *at
        ),
        "list --json": lambda: median_s(QBENCH, "list", "--json", "-", *at),
        "show ID": lambda: median_s(QBENCH, "show", one, *at),
        "show latest": lambda: median_s(QBENCH, "show", "latest", *at),
        "show REVISION": lambda: median_s(QBENCH, "show", revision[:10], *at),
        "figures, lost": lambda: cpu_s(CELLS, results),
        "figures of one cell": lambda: median_s(CELLS, results, "one"),
        "figures of all cells": lambda: median_s(CELLS, results),
        "index, MB": lambda: index.stat().st_size / 1e6,
    }
    return {name: measure() for name, measure in work.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--folder", type=Path, help="where the copies are made")
    parser.add_argument("--results", type=Path, help="a folder of one run to copy")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as empty:
        folder = Path(empty)
        copies = Copies(options.results or measured(folder))
        print(f"a run has {len(copies.document['cells'])} cells; CPU seconds by the number of runs")
        found, made = [], 0
        for count in sorted(options.runs):
            copies.make(folder / "results", range(made, count))
            made = count
            found.append(costs(folder / "results"))
        print(f"{'':22}" + "".join(f"{count:>9,}" for count in sorted(options.runs)))
        for name in found[0]:
            print(f"{name:22}" + "".join(f"{each[name]:9.2f}" for each in found))


if __name__ == "__main__":
    main()
