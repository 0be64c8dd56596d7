"""A Python is asked once about the delegates of all profiles that use it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delegates.wire import ProbeRequest, ProbeResult
from harness.devices import questions

CPU = ProbeRequest("/usr/bin/python3", "auto", ["cpu"], options={"cpu": {}})
CORAL = replace(CPU, delegates=["cpu", "edgetpu"], options={"cpu": {}, "edgetpu": {"device": "usb:0"}})


def test_one_python_is_asked_once():
    merged, indices = questions.merge([CPU, CORAL])
    assert merged == [CORAL]
    assert indices == [0, 0]


@pytest.mark.parametrize(
    "other",
    [
        replace(CORAL, python="/opt/python3"),
        replace(CORAL, runtime="tensorflow"),
        replace(CORAL, env={"LD_LIBRARY_PATH": "/opt"}),
        replace(CORAL, instead=True),
        replace(CORAL, options={"cpu": {}, "edgetpu": {"device": "usb:1"}}),
    ],
)
def test_what_differs_is_asked_apart(other):
    merged, indices = questions.merge([CORAL, other, CPU])
    assert merged == [CORAL, other]
    assert indices == [0, 1, 0]


def test_each_profile_gets_the_answer_about_its_delegates():
    answer = ProbeResult(
        CPU.python, version="3.11", delegates={"cpu": None, "edgetpu": "no device"}, software={"edgetpu": "x"}
    )
    assert questions.part(answer, CORAL) == answer
    assert questions.part(answer, CPU) == replace(answer, delegates={"cpu": None}, software={})
