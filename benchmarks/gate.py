"""How often does a gate of 5 % cry wolf, and what does it find? Three gates, at equal time.

    python benchmarks/gate.py [--tries 300] [--found 100] [--others 100] [--models 10] [--kind KIND]…

a  pytest-benchmark: base is saved, head is compared with it by --benchmark-compare-fail=mean:5%
b  qbench compare: base is a stored run, head another one, --fail-over 5%
c  qbench run --against: base and head take turns in one session, --fail-over 5%

Every try is a model of 100 dense layers. For false alarms head has as many layers as base, with other weights
(as after training anew); for slow-downs it has 2 or 7 more. How much more time that really takes is
measured first, by a long run without a neighbour. All else happens beside a bursty one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dense import dense_chain
from scenes import scene

import qbench

WIDTH, LAYERS, LIMIT = 64, 100, 0.05
KINDS = {"same": 0, "2 more": 2, "7 more": 7}
ON = {"devices": "xnnpack"}
PYTEST = """
import numpy, pytest
from pathlib import Path
from ai_edge_litert.interpreter import Interpreter

@pytest.mark.parametrize("number", range(MODELS))
def test_model(benchmark, number):
    net = Interpreter(str(Path(__file__).parent / f"m{number}.tflite"), num_threads=1)
    net.allocate_tensors()
    net.set_tensor(net.get_input_details()[0]["index"], numpy.ones((1, WIDTH), numpy.float32))
    benchmark(net.invoke)
"""


@dataclass
class Tried:
    """What a gate said of each model, and the seconds that each took."""

    said: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def tries(self) -> int:
        return self.said.total()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tries", type=int, default=300, help="models that are the same")
    parser.add_argument("--found", type=int, default=100, help="models of each slow-down")
    parser.add_argument("--others", type=int, default=100, help="models of each for gates a and b, at most")
    parser.add_argument("--models", type=int, default=10, help="models measured in one go")
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="what head is; default: all")
    parser.add_argument("--scene", default="neighbour")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write(folder / "base", 0, options.models)
        for kind, more in KINDS.items():
            write(folder / kind, more, options.models, seed=options.models)
        print("real slow-down, without a neighbour:", "; ".join(real(folder)), flush=True)
        print(f"{'head is':10} {'gate':26} {'tries':>5} {'failed':>7} {'cannot tell':>12} {'s/model':>8}")
        for kind in options.kind or KINDS:
            tries = options.tries if kind == "same" else options.found
            for name, tried in compared(folder, kind, tries, options):
                print(
                    f"{kind:10} {name:26} {tried.tries:5} {tried.said['failed']:7} "
                    f"{tried.said['undecided']:12} {tried.seconds / tried.tries:8.1f}",
                    flush=True,
                )


def write(folder: Path, more: int, models: int, seed: int = 0) -> None:
    """Write the models of one side, with weights by chance from `seed` on."""
    folder.mkdir()
    for number in range(models):
        (folder / f"m{number}.tflite").write_bytes(dense_chain(WIDTH, LAYERS + more, seed=seed + number))
    (folder / "test_models.py").write_text(PYTEST.replace("MODELS", str(models)).replace("WIDTH", str(WIDTH)))


def real(folder: Path) -> Iterator[str]:
    """Yield how much slower each kind is."""
    for kind in list(KINDS)[1:]:
        with inside(folder / kind):
            run = qbench.run(
                "m0.tflite", **ON, against="../base", budget_s=5, precision=0.001, results="long"
            )
            (cell,) = run.sides().cells
            assert cell.ratio and cell.ratio.low and cell.ratio.high
            low, value, high = (1 / one - 1 for one in (cell.ratio.high, cell.ratio.value, cell.ratio.low))
            yield f"{kind} {value:.1%} ({low:.1%} to {high:.1%})"


def compared(folder: Path, kind: str, tries: int, options: argparse.Namespace) -> Iterator[tuple[str, Tried]]:
    """Yield what each gate said. All take turns, so that the neighbour disturbs all alike."""
    found = {name: Tried() for name in GATES}
    with scene(options.scene), inside(folder / kind):
        while found["c run --against"].tries < tries:
            per_model = 0.0
            for name, gate in GATES.items():
                if found[name].tries >= (tries if gate is against else min(tries, options.others)):
                    continue
                started = time.monotonic()
                said = gate(options.models, per_model)
                found[name].seconds += time.monotonic() - started
                found[name].said.update(said)
                per_model = per_model or (time.monotonic() - started) / options.models
    yield from found.items()


def against(models: int, _: float) -> list[str]:
    """Gate c: both sides in one session."""
    run = qbench.run(names(models), **ON, against="../base", results="results")
    return outcomes(run.sides(fail_over=LIMIT))


def stored(models: int, _: float) -> list[str]:
    """Gate b: two runs."""
    with inside(Path("../base")):
        base = qbench.run(names(models), **ON, results="results")
    head = qbench.run(names(models), **ON, results="results")
    return outcomes(qbench.compare(base, head, fail_over=LIMIT))


def benchmark(models: int, per_model_s: float) -> list[str]:
    """Gate a: pytest-benchmark, which times base as long as head."""
    each = [f"--benchmark-max-time={per_model_s / 2:.2f}", "--benchmark-min-rounds=5"]
    pytest("../base", *each, "--benchmark-save=base")
    (saved,) = Path("../base/.benchmarks").rglob("*_base.json")
    fail = [f"--benchmark-compare={saved.resolve()}", f"--benchmark-compare-fail=mean:{LIMIT:.0%}"]
    said = pytest(".", *each, *fail)
    saved.unlink()
    failed = set(re.findall(r"test_model\[(\d+)\].*has failed", said))
    return ["failed" if str(number) in failed else "passed" for number in range(models)]


def pytest(folder: str, *arguments: str) -> str:
    """Run the tests of a folder. Returns what pytest printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    if " passed" not in said and "Performance has regressed" not in said:
        sys.exit(said)
    return said


def outcomes(comparison: qbench.Comparison) -> list[str]:
    """Return what a gate said of each cell."""
    return [
        "failed" if cell.failed else "undecided" if cell.undecided else "passed" for cell in comparison.cells
    ]


def names(models: int) -> list[str]:
    return [f"m{number}.tflite" for number in range(models)]


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


Gate = Callable[[int, float], Sequence[str]]
GATES: dict[str, Gate] = {
    "c run --against": against,
    "b compare, stored run": stored,
    "a pytest-benchmark mean": benchmark,
}

if __name__ == "__main__":
    main()
