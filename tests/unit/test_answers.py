"""What home takes from a device: nothing that its types allow but that can't be."""

from __future__ import annotations

import dataclasses
import json

import pytest

from delegates.wire import (
    Done,
    Failure,
    Job,
    OpGroup,
    Ops,
    ProbeResult,
    Runtime,
    SystemInfo,
    WireError,
    encode,
)
from harness.devices.transports.answers import receive
from tests.unit.run_builder import measurement, output

FACTS = SystemInfo(
    "before", {"cpu": "Cortex-A72", "cores": 4, "board": None}, {"clock_s": 1.5, "governors": ["x"]}
)
ASKED = ProbeResult(
    "python3", "/usr/bin/python3", "3.11.2", "1.26.4", [], Runtime("tflite-runtime", "2.14.0")
)
MEASURED = measurement("j", outputs=[output([[1.0, 2.0]])])
REFUSED = Failure("j", 0, "load", "no", None, "stderr\n\tof two lines")


@pytest.mark.parametrize("message", [FACTS, ASKED, MEASURED, REFUSED, Done(), ProbeResult("p", error="no")])
def test_real_answers_are_taken_as_they_are(message):
    assert receive(encode(message)) == message


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (MEASURED, {"blocks_ns": []}),
        (MEASURED, {"blocks_ns": [[1, -1]]}),
        (MEASURED, {"blocks_ns": [[1] * 60_000]}),
        (MEASURED, {"cpu_time_ns": [[1]]}),
        (MEASURED, {"end_to_end_ns": [-1]}),
        (MEASURED, {"init_ns": -1}),
        (MEASURED, {"launch": -1}),
        (MEASURED, {"launch": 1 << 40}),
        (MEASURED, {"timer_resolution_ns": -1.0}),
        (MEASURED, {"affinity": [-1]}),
        (MEASURED, {"peak_memory_bytes": -1}),
        (MEASURED, {"launcher": -1}),
        (MEASURED, {"cost_ns": -1}),
        (MEASURED, {"python": "x" * (3 << 20)}),
        (MEASURED, {"ops": Ops(3, 4, 1)}),
        (MEASURED, {"ops": Ops(3, -1, 1)}),
        (MEASURED, {"ops": Ops(3, 1, 1, [OpGroup("ADD", 2, [], nodes=[0, 0])])}),
        (MEASURED, {"ops": Ops(3, 2, 1, [OpGroup("ADD", 1, [], nodes=[3])])}),
        (MEASURED, {"ops": Ops(3, 1, 1, [OpGroup("ADD", 2, [], nodes=[1])])}),
        (MEASURED, {"outputs": [dataclasses.replace(output([1.0]), data="!")]}),
        (MEASURED, {"outputs": [dataclasses.replace(output([1.0]), shape=[2])]}),
        (MEASURED, {"outputs": [dataclasses.replace(output([1.0]), shape=[])]}),
        (MEASURED, {"outputs": [dataclasses.replace(output([1.0]), shape=[-1, -1])]}),
        (REFUSED, {"stage": "lunch"}),
        (REFUSED, {"launch": -1}),
        (ASKED, {"runtime": None}),
        (ASKED, {"version": None}),
        (FACTS, {"machine": {"cores": "four"}}),
        (FACTS, {"machine": {"cores": True}}),
        (FACTS, {"machine": {"cpu": ["x"]}}),
        (FACTS, {"changing": {"clock_s": "soon"}}),
        (FACTS, {"changing": {"clock_s": None}}),
        (FACTS, {"changing": {"governors": [1]}}),
        (FACTS, {"changing": {"throttle_flags": 0.5}}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_is_refused(message, changes):
    with pytest.raises(WireError):
        receive(encode(dataclasses.replace(message, **changes)))


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e400", "NaN", "-Infinity", str(1 << 63)])
def test_numbers_beyond_all_bounds_are_refused(number):
    with pytest.raises(WireError):
        receive(encode(MEASURED).replace('"timer_resolution_ns": 0.0', f'"timer_resolution_ns": {number}'))


def test_a_line_that_is_too_long_for_what_it_says_is_refused_before_it_is_built():
    many = dataclasses.replace(ASKED, runtimes=[Runtime("tflite-runtime", "2.14")] * 100_000)
    with pytest.raises(WireError, match="too large"):
        receive(encode(many))
    values = [[0.5] * 600_000]
    assert receive(encode(dataclasses.replace(MEASURED, outputs=[output(values)]))).outputs[0].shape == [
        1,
        600_000,
    ]


def test_what_only_home_sends_is_no_answer():
    with pytest.raises(WireError, match="Job is no answer"):
        receive(encode(Job("j", "g", "m", None, "cpu", "auto", "python3")))


def test_nothing_that_a_terminal_obeys_gets_in():
    raw = {
        "kind": "Failure",
        "job": "j",
        "launch": 0,
        "stage": "load",
        "reason": "\x1b[2J\u202e\x9b31m\ud800 no",
    }
    assert receive(json.dumps(raw)).reason == "\ufffd[2J\ufffd\ufffd31m\ufffd no"


def texts(value):
    """Every text in a message, keys included, but for ids and what is only stored."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("job", "stderr", "data"):
                yield key
                yield from texts(item)


LONG = "x\n\n\tqbench: all is well\n" * 10_000


@pytest.mark.parametrize(
    "message",
    [
        dataclasses.replace(REFUSED, reason=LONG, signal=LONG),
        dataclasses.replace(MEASURED, runtime=LONG, delegate_facts={LONG: [LONG, {"data": LONG}]}),
        dataclasses.replace(FACTS, machine={"cpu": LONG, "delegate_libraries": [LONG], LONG: LONG}),
        dataclasses.replace(FACTS, changing={"governors": [LONG]}),
        ProbeResult(LONG, error=LONG, others=[LONG], delegates={LONG: LONG}, advice=LONG),
    ],
)
def test_every_text_is_one_line_of_bounded_length(message):
    """A line feed would let a device write lines that look like ours."""
    found = list(texts(dataclasses.asdict(receive(encode(message)))))
    assert max(map(len, found)) <= 1000
    assert all(text.isprintable() for text in found)
    assert any("x qbench: all is well x qbench" in text for text in found)


def test_what_a_worker_wrote_keeps_its_lines_but_not_its_size():
    assert len(receive(encode(dataclasses.replace(REFUSED, stderr=LONG))).stderr) <= 16 * 1024


def test_an_id_comes_back_as_it_went():
    job = "a\nb\tc  d" * 1000
    assert receive(encode(dataclasses.replace(REFUSED, job=job))).job == job


@pytest.mark.parametrize("message", [
    dataclasses.replace(ASKED, others=["x"] * 300),
    dataclasses.replace(ASKED, delegates=dict.fromkeys(map(str, range(300)))),
    dataclasses.replace(FACTS, machine={"delegate_libraries": ["x"] * 300}),
])  # fmt: skip
def test_more_than_anybody_could_read_is_refused(message):
    with pytest.raises(WireError):
        receive(encode(message))


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ([[0, 0], [0]], "all of 3 inferences took 0 ns by it"),
        ([[0, 0], [0, 9_000_000]], "more than half of 4 inferences took 0 ns by it"),
    ],
)
def test_a_clock_that_stands_still_is_no_measurement(blocks, said):
    taken = receive(encode(dataclasses.replace(MEASURED, blocks_ns=blocks)))
    assert isinstance(taken, Failure)
    assert (taken.job, taken.launch, taken.stage) == (MEASURED.job, MEASURED.launch, "invoke")
    assert taken.reason == f"the clock of this device does not work: {said}"
