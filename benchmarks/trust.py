"""Can a speedup be trusted? qbench and litert-benchmark side by side, on a quiet and on a noisy machine.

    python benchmarks/trust.py [--runs 40] [--part aa|power|int8|cost]... [--model FILE.tflite]... [--no-peer]

aa      the same model against itself: how far from 1 is the speedup, does the interval contain 1
power   a candidate slowed by exactly 3 % beside a busy neighbour: is it called slower
int8    int8 against float32 beside a busy neighbour: the range of the speedups
cost    how much of the time is spent in inference, and what timing itself takes

The peer is `ai_edge_litert.tools.benchmark_litert_model`, called once per cell as its users do, with as many
runs as fill at least the time qbench took for the cell, and (in its favour) without rounding to 0.01 ms.
--no-peer leaves it out. --model: files to try in part aa instead of the benchmark's own three models.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from scenes import scene

from harness.config import find_devices_file, load_config
from harness.report.progress import ProgressBar
from harness.session.options import Options
from harness.session.run import run

HERE = Path(__file__).resolve().parent
QBENCH = [sys.executable, "-c", "from harness.cli import main; main()"]
PEER = """
import sys
from ai_edge_litert.tools import benchmark_litert_model as peer
peer.round = lambda value, digits=0: value  # or 3 us would be written as 0.0 ms
sys.argv = ["benchmark_litert_model", *sys.argv[1:]]
peer.main()
"""
SLOWED = """
import os, time
from ai_edge_litert.interpreter import Interpreter
clock, fast, part = time.perf_counter_ns, Interpreter.invoke, float(os.environ["BENCHMARK_SLOWED"])
if os.environ["BENCHMARK_LONG"] == "True":
    clock = time.process_time_ns  # one that lost the core half-way is not to be slowed by more
def invoke(self):
    start = clock()
    fast(self)
    took = clock() - start
    until = start + took + took * part
    while clock() < until:
        pass
Interpreter.invoke = invoke
"""
MODELS = {
    "3 us": ("nets:autoencoder", "int8"),
    "0.3 ms": ("nets:resnet", "float32"),
    "7 ms": ("mobilenet_v2", "float32"),
}
SCENES = ("quiet", "neighbour", "drift")


@dataclass
class Found:
    """Speedups of one tool in one scene: (value, low, high) per run, and seconds per cell."""

    speedups: list[tuple[float, float | None, float | None]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def error(self, percent: float) -> float:
        """|speedup - 1| in percent, at a percentile of the runs."""
        errors = sorted(abs(value - 1) * 100 for value, _, _ in self.speedups)
        return errors[min(len(errors) - 1, round(percent / 100 * (len(errors) - 1)))]

    def covered(self) -> float:
        return 100 * statistics.mean(low <= 1 <= high for _, low, high in self.speedups)

    def half_width(self) -> float:
        return 100 * statistics.median((high - low) / 2 for _, low, high in self.speedups)

    def range(self) -> str:
        values = [value for value, _, _ in self.speedups]
        return f"{min(values):.2f} to {max(values):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--part", action="append", choices=list(PARTS))
    parser.add_argument("--model", action="append", type=Path)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for part in options.part or PARTS:
            PARTS[part](Path(folder), options)


def aa(folder: Path, options: argparse.Namespace) -> None:
    runs = options.runs
    print(f"\nThe same model against itself, {runs} runs; |speedup - 1| in percent")
    print(f"{'':9} {'':10} {'qbench':>26} {'':>22} {'litert-benchmark':>20}")
    print(f"{'model':9} {'scene':10} {'p50':>6} {'p95':>6} {'covers 1':>9} {'±':>6} {'s/cell':>7} ", end="")
    print(f"{'p50':>9} {'p95':>7} {'s/cell':>7}  p95 ratio")
    models = {path.stem[:9]: twin(folder / path.stem, path) for path in options.model or ()} or twins(folder)
    for model, files in models.items():
        for name in SCENES:
            ours, theirs = Found(), Found()
            with scene(name):
                for _ in range(runs):
                    seconds = one_qbench(files, ours)
                    if not options.no_peer:
                        one_peer([files / "a.tflite", files / "b.tflite"], seconds, theirs)
            print(
                f"{model:9} {name:10} {ours.error(50):6.2f} {ours.error(95):6.2f} {ours.covered():8.0f}% "
                f"{ours.half_width():6.2f} {statistics.median(ours.seconds):7.1f} ",
                end="" if theirs.speedups else "\n",
                flush=True,
            )
            if theirs.speedups:
                seconds = statistics.median(theirs.seconds)
                times = theirs.error(95) / ours.error(95)
                print(
                    f"{theirs.error(50):8.2f} {theirs.error(95):7.1f} {seconds:7.1f} {times:8.0f}x",
                    flush=True,
                )


def power(folder: Path, options: argparse.Namespace) -> None:
    runs = options.runs
    print(f"\nA candidate slowed by exactly 3 %, beside a busy neighbour, {runs} runs")
    print("(a busy wait of 3 % of the inference's own time in the worker of this benchmark; not on the 3 us")
    print("model, where the wait itself can't be exact)")
    slow = folder / "slow"
    slow.mkdir()
    (slow / "sitecustomize.py").write_text(SLOWED)
    devices = folder / "slowed.toml"
    profile = (
        '[devices.{}]\ndelegates = ["xnnpack"]\nenv = {{ PYTHONPATH = "{}", BENCHMARK_SLOWED = "{}",'
        ' BENCHMARK_LONG = "{}" }}\n'
    )
    for model, files in list(twins(folder).items())[1:]:
        long = model == "7 ms"
        devices.write_text(profile.format("same", slow, 0, long) + profile.format("slowed", slow, 0.03, long))
        found = Found()
        with scene("neighbour"):
            for _ in range(runs):
                one_qbench(files, found, variant="a", baseline="a@same", config=devices)
        slower = 100 * statistics.mean(high < 1 for _, _, high in found.speedups)
        faster = 100 * statistics.mean(low > 1 for _, low, _ in found.speedups)
        middle = statistics.median(value for value, _, _ in found.speedups)
        print(
            f"{model:9} called slower {slower:.0f}%, faster {faster:.0f}%, median speedup {middle:.4f}",
            flush=True,
        )


def int8(folder: Path, options: argparse.Namespace) -> None:
    runs = max(1, options.runs // 2)
    print(f"\nint8 against float32 (xnnpack) beside a busy neighbour, range of the speedup in {runs} runs")
    for name, model in (("autoencoder", "nets:autoencoder"), ("resnet", "nets:resnet")):
        files = folder / name
        quantize(model, files, "float32", "int8")
        ours, theirs = Found(), Found()
        with scene("neighbour"):
            for _ in range(runs):
                seconds = one_qbench(files, ours, baseline=f"{name}_float32")
                if not options.no_peer:
                    kinds = [files / f"{name}_{kind}.tflite" for kind in ("float32", "int8")]
                    one_peer(kinds, seconds, theirs)
        peers = f"   litert-benchmark {theirs.range()}" if theirs.speedups else ""
        print(f"{name:12} qbench {ours.range()}{peers}", flush=True)


def cost(folder: Path, options: argparse.Namespace) -> None:
    print("\nCost")
    qbench("run", "--json", "-", "--results", str(folder / "results"))  # warms the cache
    started = time.monotonic()
    result = qbench("run", "--json", "-", "--results", str(folder / "results"))
    wall_s = time.monotonic() - started
    stored = folder / "results" / result["run_id"]
    timed_s = pd.read_csv(stored / "samples.csv.gz").run_ns.sum() / 1e9
    print("digits, seven variants on two delegates, warm cache:", end=" ")
    print(f"{wall_s:.1f} s, {timed_s:.1f} s of them timed inference ({timed_s / wall_s:.0%})")
    small, middle, _ = (str(files / "a.tflite") for files in twins(folder).values())
    subprocess.run([sys.executable, str(HERE / "overhead.py"), small, middle], check=True, env=env())


def twins(folder: Path) -> dict[str, Path]:
    """A folder per model that holds the same file twice."""
    made = {}
    for name, (model, variant) in MODELS.items():
        files = folder / name.replace(" ", "")
        made[name] = files
        if not files.exists():
            (path,) = quantize(model, folder / "made", variant)
            twin(files, path)
    return made


def twin(files: Path, path: Path) -> Path:
    """Make a folder that holds the file twice, and return it."""
    files.mkdir()
    for name in ("a", "b"):
        (files / f"{name}.tflite").write_bytes(path.read_bytes())
    return files


def quantize(model: str, out: Path, *variants: str) -> list[Path]:
    chosen = [word for variant in variants for word in ("--variant", variant)]
    done = subprocess.run(
        [*QBENCH, "quantize", "--quiet", "--model", model, "--out", str(out), *chosen],
        check=True,
        capture_output=True,
        text=True,
        env=env(),
    )
    return [Path(line) for line in done.stdout.splitlines()]


def one_qbench(
    files: Path, found: Found, *, baseline: str | None = None, variant: str | None = None, config: Path = HERE
) -> float:
    """One run on xnnpack with the default budget and precision; returns the seconds it took per cell.

    `config`: a devices.toml whose last profile is the candidate, or a folder for the shipped profiles.
    """
    profiles = load_config(find_devices_file(config if config.is_file() else None, HERE))
    devices = list(profiles.devices) if config.is_file() else ["xnnpack"]
    with tempfile.TemporaryDirectory() as results:
        options = Options(
            models=[str(files)],
            devices=devices,
            variants=[variant] if variant else [],
            baseline=baseline,
            results=Path(results),
        )
        started = time.monotonic()
        document = run(options, profiles, ProgressBar(quiet=True)).document
        seconds = (time.monotonic() - started) / len(document.cells)
    (row,) = (row for row in document.cells if not row.baseline)
    found.speedups.append((row.speedup.value, row.speedup.low, row.speedup.high))
    found.seconds.append(seconds)
    return seconds


def one_peer(files: list[Path], seconds: float, found: Found) -> None:
    """One call per file, each at least `seconds` long."""
    medians, took = [], []
    for path in files:
        started = time.monotonic()
        medians.append(peer(path, runs_for(path, seconds)))
        took.append(time.monotonic() - started)
    found.speedups.append((medians[0] / medians[1], None, None))
    found.seconds.append(statistics.mean(took))


def runs_for(path: Path, seconds: float) -> int:
    """How many inferences fill the time, from a first call's median; never fewer than the peer's 50."""
    return max(50, round(seconds * 1000 / first_call_ms(path)))


@functools.cache
def first_call_ms(path: Path) -> float:
    return peer(path, 50)


def peer(path: Path, runs: int) -> float:
    """The median in ms that the peer finds."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        arguments = [f"--model={path}", f"--num_runs={runs}", f"--result_json={result}"]
        subprocess.run([sys.executable, "-c", PEER, *arguments], check=True, capture_output=True)
        return json.loads(result.read_text())["latency"]["median_ms"]


def qbench(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [*QBENCH, *arguments, "--quiet"], check=True, capture_output=True, text=True, env=env()
    )
    return json.loads(done.stdout)


def env() -> dict[str, str]:
    """Return an environment in which `nets` and, in a checkout, `harness` can be imported."""
    paths = [str(HERE), str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


PARTS = {"aa": aa, "power": power, "int8": int8, "cost": cost}

if __name__ == "__main__":
    main()
