"""What crosses between home and device."""

from __future__ import annotations

import json

import pytest

from delegates.wire import Job, Launch, OpGroup, Ops, Request, WireError, decode, encode, printable


def measurement(**changes):
    ops = Ops(3, 2, 1, [OpGroup("CONV_2D", 1, ["int8"], "why")])
    values = {
        "ops": ops,
        "peak_memory_bytes": None,
        "affinity": [1],
        "blocks_ns": [[1, 2], [3]],
        "cpu_time_ns": [],
        "end_to_end_ns": [4],
        "timer_resolution_ns": 1.0,
    }
    return Launch(
        "j", 0, "tflite-runtime", "2.14", "3.7", init_ns=1, first_ns=2, warmup=3, **{**values, **changes}
    )


@pytest.mark.parametrize(
    "message",
    [
        measurement(),
        Request(
            "run", [Job("é\n$()", "g", "m", None, "cpu", "auto", "python3", options={"device": "usb:0"})]
        ),
    ],
)
def test_what_is_sent_arrives(message):
    line = encode(message)
    assert line.count("\n") == 1
    assert line.isascii()
    assert decode(line) == message


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{",
        "null",
        '{"kind": "Nothing"}',
        '{"kind": ["Done"]}',
        '{"kind": "Done", "interrupted": 1}',
        '{"kind": "Done", "more": 1}',
        '{"kind": "Failure", "job": "j"}',
        "[" * 100_000,
        json.dumps({**json.loads(encode(measurement())), "blocks_ns": [["1"]]}),
        json.dumps({**json.loads(encode(measurement())), "init_ns": True}),
        json.dumps({**json.loads(encode(measurement())), "blocks_ns": [[1, True]]}),
        json.dumps({**json.loads(encode(measurement())), "blocks_ns": [[1, 2.0]]}),
        json.dumps({**json.loads(encode(measurement())), "blocks_ns": [[1, None]]}),
        json.dumps({**json.loads(encode(measurement())), "blocks_ns": [1]}),
        json.dumps({**json.loads(encode(measurement())), "blocks_ns": [[1, [2]]]}),
        json.dumps({**json.loads(encode(measurement())), "affinity": {}}),
        json.dumps({**json.loads(encode(measurement())), "ops": {"total": 1}}),
    ],
)
def test_anything_else_is_refused(line):
    with pytest.raises(WireError):
        decode(line)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é中☃\n\ttab", "plain é中☃\n\ttab"),
        ("\x1b[2J", "\ufffd[2J"),
        ("\r\x00\x07\x7f\x9b", "\ufffd" * 5),
        ("\u202etxt\u2066\u2028", "\ufffdtxt\ufffd\ufffd"),
        ("\udce9", "\ufffd"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown


def test_a_device_gets_texts_as_they_are():
    """A file name or an environment's value may hold anything."""
    job = Job("j", "g", "a\x1b\udce9", None, "cpu", "auto", "python3", env={"A": "\x1b\r"})
    assert decode(encode(job)) == job


@pytest.mark.parametrize(
    "changes",
    [
        {"init_ns": 1 << 63},
        {"timer_resolution_ns": float("inf")},
        {"timer_resolution_ns": float("nan")},
        {"blocks_ns": [[10**400]]},
        {"blocks_ns": [[1, 2], [3, -(1 << 63)]]},
        {"delegate_facts": {"a": [1, 2, float("nan")]}},
    ],
)
def test_numbers_are_of_human_size(changes):
    with pytest.raises(WireError, match="out of bounds"):
        decode(json.dumps({**json.loads(encode(measurement())), **changes}))


def test_values_without_a_schema_are_not_deep():
    deep = {"a": 1}
    for _ in range(9):
        deep = {"a": deep}
    with pytest.raises(WireError, match="too deep"):
        decode(json.dumps({"kind": "SystemInfo", "when": "before", "machine": deep, "changing": {}}))
