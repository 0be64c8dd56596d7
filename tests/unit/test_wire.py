"""What crosses between home and device."""

from __future__ import annotations

import json

import pytest

from delegates.wire import Job, Measurement, OpGroup, Ops, Request, WireError, decode, encode


def measurement(**changes):
    ops = Ops(3, 2, 1, [OpGroup("CONV_2D", 1, ["int8"], "why")])
    values = {
        "ops": ops,
        "peak_memory_bytes": None,
        "affinity": [1],
        "blocks_ns": [[1, 2], [3]],
        "own_ns": [],
        "copies_ns": [4],
        "tick_ns": 1.0,
    }
    return Measurement(
        "j", 0, "tflite-runtime", "2.14", "3.7", 1, init_ns=1, first_ns=2, warmup=3, **{**values, **changes}
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
        '{"kind": "Refusal", "job": "j"}',
        "[" * 100_000,
        json.dumps({**json.loads(encode(measurement())), "blocks_ns": [["1"]]}),
        json.dumps({**json.loads(encode(measurement())), "init_ns": True}),
        json.dumps({**json.loads(encode(measurement())), "ops": {"total": 1}}),
    ],
)
def test_anything_else_is_refused(line):
    with pytest.raises(WireError):
        decode(line)
