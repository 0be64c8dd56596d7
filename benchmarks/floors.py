"""Which floor of a launch varies least? A model against itself, the same samples fed to every candidate.

    python benchmarks/floors.py MODEL.tflite... [--launches 60] [--scene quiet|neighbour|drift]...

For each model and scene, two equal cells are launched side by side, as in a run. The figures are the 95th
percentile of |speedup - 1| over random groups of ten launches, in percent. Inferences of over a millisecond
are compared by CPU time, as in a run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scenes import scene

from delegates import stats
from delegates.wire import Job, Launch, Request
from harness.devices.transports import bundle
from harness.devices.transports.local import LocalTransport

Floors = npt.NDArray[np.float64]  # of the blocks of a launch
SCENES = ("quiet", "neighbour", "drift")
GROUP, GROUPS = 10, 2000

OF_BLOCKS: dict[str, Callable[[list[int]], float]] = {
    "fastest tenth": lambda block: float(np.mean(sorted(block)[: max(1, len(block) // 10)])),
    "10th to 30th percentile": stats.block_floor,
    "median": lambda block: float(np.median(block)),
    "mean": lambda block: float(np.mean(block)),
}
OF_LAUNCHES: dict[str, Callable[[Floors], float]] = {
    "quietest block": lambda floors: float(floors.min()),
    "lower tercile": lambda floors: stats.tercile(floors.tolist()) or 0.0,
    "median": lambda floors: float(np.median(floors)),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="+", type=Path)
    parser.add_argument("--launches", type=int, default=60)
    parser.add_argument("--scene", action="append", choices=SCENES)
    options = parser.parse_args()
    columns, rows = [], {(block, launch): [] for block in OF_BLOCKS for launch in OF_LAUNCHES}
    for model in options.model:
        for name in options.scene or SCENES:
            with scene(name):
                pair = launches(model, options.launches)
            columns.append(f"{model.stem[:14]}, {name}")
            for (block, launch), errors in rows.items():
                errors.append(error(pair, OF_BLOCKS[block], OF_LAUNCHES[launch]))
    print(f"{'floor of a block':24} {'of a launch':16} " + " ".join(f"{column:>25}" for column in columns))
    for (block, launch), errors in rows.items():
        print(f"{block:24} {launch:16} " + " ".join(f"{one:25.2f}" for one in errors))


def launches(model: Path, count: int) -> list[tuple[Launch, Launch]]:
    """Launch two cells of the same file `count` times."""
    jobs = [
        Job(name, "g", str(model), None, "xnnpack", "auto", sys.executable, baseline=name == "a")
        for name in "ab"
    ]
    request = Request("run", jobs, budget_s=30, precision=0.0, min_launches=count, max_launches=count)
    found: dict[str, dict[int, Launch]] = {"a": {}, "b": {}}
    connection = LocalTransport(bundle.build(), print).start(request)
    for message in connection:
        if isinstance(message, Launch):
            found[message.job][message.launch] = message
    connection.close()
    return [(one, found["b"][number]) for number, one in found["a"].items() if number in found["b"]]


def error(
    pairs: list[tuple[Launch, Launch]],
    of_block: Callable[[list[int]], float],
    of_launch: Callable[[Floors], float],
) -> float:
    """Return the 95th percentile of |speedup - 1| over groups of launches, in percent."""
    by_cpu_time = all(one.cpu_time_ns for pair in pairs for one in pair)

    def floor(one: Launch) -> float:
        blocks = one.cpu_time_ns if by_cpu_time else one.blocks_ns
        return of_launch(np.array([of_block(block) for block in blocks]))

    ratios = np.array([np.log(floor(one) / floor(other)) for one, other in pairs])
    rng = np.random.default_rng(0)
    groups = (stats.locate(rng.choice(ratios, GROUP).tolist()) for _ in range(GROUPS))
    return float(np.percentile([abs(np.expm1(found.value)) * 100 for found in groups if found], 95))


if __name__ == "__main__":
    main()
