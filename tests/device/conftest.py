"""The real bundle under real interpreters."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from delegates.wire import Job, Request
from harness.devices.transports import bundle
from harness.devices.transports.local import LocalTransport
from tests.environments import interpreter

RUNTIMES = ["ai-edge-litert", "tflite-runtime"] if sys.version_info < (3, 12) else ["ai-edge-litert"]


@pytest.fixture(scope="session")
def runner():
    return LocalTransport(bundle.build(), lambda text: None)


def other_pythons() -> list[str]:
    """Interpreters of the versions that boards have, where this machine has them."""
    versions = ("3.7", "3.8", "3.9", "3.10", "3.12", "3.13")
    return [python for version in versions if (python := interpreter(version)) is not None]


def job(model: Path, **changes) -> Job:
    """A job for the model with the defaults of most tests."""
    values = {"id": "job", "group": "g", "delegate": "cpu", "runtime": "ai-edge-litert", "inputs": None}
    return Job(model=str(model), python=sys.executable, **{**values, **changes})


def run(jobs: list[Job], *, budget_s: float, launches: int) -> Request:
    """A request for exactly so many launches."""
    return Request("run", jobs, budget_s=budget_s, min_launches=launches, max_launches=launches)


def answers(runner: LocalTransport, request: Request) -> list:
    """All answers to a request, in order."""
    connection = runner.start(request)
    try:
        return list(connection)
    finally:
        assert connection.close() is None
