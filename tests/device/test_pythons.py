"""The bundle with the runtimes that old and new boards have: conductor, workers and all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delegates.wire import Failure, Launch, ProbeRequest, ProbeResult, Request
from harness.devices.transports import bundle
from harness.devices.transports.connection import Connection
from tests.device.conftest import job, run
from tests.environments import environment
from tests.models import dense_model

OLD_NUMPY = "numpy<2"  # tflite-runtime breaks with newer ones


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "packages"),
    [
        ("3.7", (OLD_NUMPY, "tflite-runtime==2.7.0")),  # the oldest with wheels for x86-64
        ("3.7", (OLD_NUMPY, "tflite-runtime==2.11.0")),
        ("3.8", (OLD_NUMPY, "tflite-runtime==2.14.0")),
        ("3.9", ("ai-edge-litert",)),
        ("3.13", ("ai-edge-litert",)),
    ],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
def test_what_old_and_new_boards_have_measures(tmp_path, version, packages):
    python = str(environment(tmp_path / "venv", version, *packages))
    (tmp_path / "dense.tflite").write_bytes(dense_model(seed=1))
    probe = Request("probe", questions=[ProbeRequest(python, "auto", ["cpu", "xnnpack"])])
    (found,) = (m for m in conduct(tmp_path, python, probe) if isinstance(m, ProbeResult))
    assert found.error is None
    assert found.delegates == {"cpu": None, "xnnpack": None}
    jobs = [
        replace(
            job(tmp_path / "dense.tflite", id=name, delegate=name, runtime="auto"),
            python=python,
            own_copy=own,
        )
        for name, own in (("cpu", True), ("xnnpack", False))
    ]
    answers = conduct(tmp_path, python, run(jobs, budget_s=0.02, launches=2))
    assert not [m for m in answers if isinstance(m, Failure)]
    measured = [m for m in answers if isinstance(m, Launch)]
    assert [m.launcher for m in measured] == [0] * 4
    assert {(m.python.rpartition(".")[0], m.runtime_version) for m in measured} == {
        (version, found.runtime.version)
    }
    assert all(m.ops.total == 1 for m in measured)


def conduct(folder, python: str, request: Request) -> list:
    """All answers of a conductor that runs on this Python."""
    pyz = folder / "bundle.pyz"
    pyz.write_bytes(bundle.build().data)
    connection = Connection([python, str(pyz)], request)
    try:
        return list(connection)
    finally:
        assert connection.close() is None
