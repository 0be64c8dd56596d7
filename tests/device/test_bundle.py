"""The bundle: reproducible, small, and understood by every Python a board may have."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from delegates.wire import ProbeRequest, ProbeResult, Request, SystemInfo
from harness.devices.transports import bundle
from harness.devices.transports.connection import Connection
from tests.device.conftest import answers, other_pythons


def test_the_same_files_give_the_same_bytes_and_few():
    first, second = bundle.build(), bundle.build()
    assert first == second
    assert len(first.data) < 150_000


@pytest.mark.parametrize(
    "python", other_pythons() or [pytest.param("", marks=pytest.mark.skip("no other Python here"))]
)
def test_every_python_from_3_7_on_conducts_a_probe(tmp_path, python):
    """Old interpreters without numpy or a runtime still answer, and say what is missing."""
    pyz = tmp_path / "bundle.pyz"
    pyz.write_bytes(bundle.build().data)
    request = Request("probe", questions=[ProbeRequest(python, "auto", ["cpu", "xnnpack"])])
    connection = Connection([python, str(pyz)], request)
    answer, facts = connection
    assert connection.close() is None
    assert isinstance(answer, ProbeResult)
    assert isinstance(facts, SystemInfo)
    assert Path(answer.executable).samefile(python)
    assert answer.runtime is not None or answer.error


def test_probing_names_the_runtimes_and_what_is_wrong(runner):
    questions = [
        ProbeRequest(sys.executable, "auto", ["cpu", "xnnpack"]),
        ProbeRequest("/nonexistent/python", "auto", ["cpu"]),
        ProbeRequest("/bin/false", "auto", ["cpu"]),
    ]
    good, absent, broken = (
        m for m in answers(runner, Request("probe", questions=questions)) if isinstance(m, ProbeResult)
    )
    assert good.runtime.name == "ai-edge-litert"
    assert good.delegates == {"cpu": None, "xnnpack": None}
    assert good.error is None
    assert "cannot start /nonexistent/python" in absent.error
    assert "/bin/false ended with exit status 1" in broken.error


@pytest.mark.parametrize("program", ["/usr/bin/yes", "/bin/cat"])
def test_a_program_that_is_no_python_is_said_to_be_none(runner, program):
    """`yes` answers for ever, `cat` with the question: neither takes memory or time."""
    questions = [ProbeRequest(program, "auto", ["cpu"])]
    (answer,) = (
        m for m in answers(runner, Request("probe", questions=questions)) if isinstance(m, ProbeResult)
    )
    assert program in answer.error
