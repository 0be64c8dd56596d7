"""Compare how long forked and fresh launches take, in turns, and how well they agree with each other.

    python benchmarks/launches.py [--rounds N] MODEL.tflite…

A round is as many launches of each kind as one launcher serves; forked ones include its start. Times are per
launch. Spreads are standard deviations of the logarithm of the floor, in percent: among the launches of one
round, and of the means of rounds. If launches are independent, the latter is half of the former.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from delegates import stats
from delegates.agent.conductor import Group
from delegates.agent.workers import LAUNCHES_PER_LAUNCHER, Workers
from delegates.wire import Job, Launch, Request
from harness.devices.transports import bundle

KINDS = {"forked": True, "fresh": False}


def round_of(program: str, model: str, forked: bool) -> tuple[float, list[Launch]]:
    """Seconds per launch, and the launches."""
    job = Job("job", "g", model, None, "cpu", "auto", sys.executable)
    request = Request("run", [job], min_launches=LAUNCHES_PER_LAUNCHER, max_launches=LAUNCHES_PER_LAUNCHER)
    found: list[object] = []
    workers = Workers([program], may_fork=lambda job: forked)
    began = time.perf_counter()
    Group([job], request, workers, found.append).run(threading.Event())
    took_s = time.perf_counter() - began
    launches = [message for message in found if isinstance(message, Launch)]
    if not launches or any((launch.launcher is not None) != forked for launch in launches):
        sys.exit(f"{model}: not measured as asked: {[m for m in found if not isinstance(m, Launch)]}")
    return took_s / len(launches), launches


def spreads(rounds: list[list[Launch]]) -> tuple[float, float]:
    """Standard deviation among the launches of a round, and of the means of rounds, in percent."""
    logs = [[math.log(stats.launch_floor(launch.blocks_ns) or 1) for launch in one] for one in rounds]
    within = math.sqrt(statistics.fmean(statistics.variance(one) for one in logs))
    return 100 * within, 100 * statistics.stdev(map(statistics.fmean, logs))


def median(launches: list[Launch], name: str) -> float:
    return statistics.median(getattr(launch, name) for launch in launches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", metavar="MODEL.tflite", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(
        "model                          kind    s/launch  floor us  within %  rounds %  init ms  first ms  MB"
    )
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "bundle.pyz"
        program.write_bytes(bundle.build().data)
        for model in asked.models:
            taken: dict[str, list[tuple[float, list[Launch]]]] = {kind: [] for kind in KINDS}
            for number in range(asked.rounds):
                for kind in list(KINDS)[:: 1 if number % 2 else -1]:
                    taken[kind].append(round_of(str(program), model, KINDS[kind]))
            for kind, rounds in taken.items():
                launches = [launch for _, one in rounds for launch in one]
                floor_ns = statistics.median(stats.launch_floor(one.blocks_ns) or 0 for one in launches)
                within, between = spreads([one for _, one in rounds])
                print(
                    f"{Path(model).stem:<30} {kind:<7} {statistics.median(s for s, _ in rounds):8.3f} "
                    f"{floor_ns / 1e3:9.2f} {within:9.2f} {between:9.2f} "
                    f"{median(launches, 'init_ns') / 1e6:8.2f} {median(launches, 'first_ns') / 1e6:9.3f} "
                    f"{median(launches, 'peak_memory_bytes') / 1e6:5.1f}"
                )


if __name__ == "__main__":
    main()
