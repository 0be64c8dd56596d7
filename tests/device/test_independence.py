"""Launches that were forked from one launcher do not agree with each other more than launches do anyway."""

from __future__ import annotations

import math
import statistics

import pytest

from delegates import stats
from delegates.agent.workers import LAUNCHES_PER_LAUNCHER
from delegates.wire import Job, Launch
from tests.device.conftest import answers, job, run
from tests.device.test_launcher import standin

ROUNDS = 6
MOST = 14.3  # of the F distribution with 5 and 18 degrees of freedom, chance exceeds it in 1 of 100 000


def variance_ratio(runner, wanted: Job) -> float:
    """F: how much launches differ between launchers, by how much they differ within them.

    What is compared is the ratio of the floors of two jobs that take turns, each with a launcher of its own:
    what disturbs both does not count.
    """
    rounds = [ratios(runner, wanted) for _ in range(ROUNDS)]
    between = LAUNCHES_PER_LAUNCHER * statistics.variance(map(statistics.fmean, rounds))
    return between / statistics.fmean(map(statistics.variance, rounds))


def ratios(runner, wanted: Job) -> list[float]:
    """Logarithms of the ratios of the floors, of as many launches as a launcher serves."""
    jobs = [Job(**{**vars(wanted), "id": name, "env": {**wanted.env, "PAIR": name}}) for name in "ab"]
    messages = answers(runner, run(jobs, budget_s=0.5, launches=LAUNCHES_PER_LAUNCHER))
    floors = {(m.job, m.launch): stats.launch_floor(m.blocks_ns) for m in messages if isinstance(m, Launch)}
    assert len(floors) == 2 * LAUNCHES_PER_LAUNCHER
    assert {m.launcher for m in messages if isinstance(m, Launch)} == {0}
    return [math.log(floors["a", n] / floors["b", n]) for n in range(LAUNCHES_PER_LAUNCHER)]


@pytest.mark.slow
@pytest.mark.alone
def test_what_a_launcher_passes_on_is_noticed(runner, tmp_path):
    """The stand-in's speed is drawn when it is imported, so that the workers of a launcher share it."""
    assert variance_ratio(runner, standin(tmp_path, "fine")) > MOST


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("net", ["autoencoder_int8", "resnet_int8"])
def test_launches_of_one_launcher_are_independent(runner, nets, net):
    assert variance_ratio(runner, job(nets / f"{net}.tflite")) < MOST
