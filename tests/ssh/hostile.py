"""A board that was taken over: it talks to home as bootstrap.py and the conductor do, and then does not.

Run by sshd (ForceCommand) with the name of one of the functions below. Standard library only.
"""

from __future__ import annotations

import json
import sys
import time

OUT, IN = sys.stdout.buffer, sys.stdin.buffer


def say(**answer: object) -> None:
    line(json.dumps(answer).encode())


def line(data: bytes) -> None:
    OUT.write(data + b"\n")
    OUT.flush()


def order() -> dict:
    """What home wants, once it was greeted and has sent its program."""
    line(b"\n" + said().split(b"# ")[1])
    said()  # which Python
    IN.read(int(IN.readline()))
    return json.loads(IN.readline())


def said() -> bytes:
    """Home's next line; empty ones only say that it is there."""
    text = b"\n"
    while text == b"\n":
        text = IN.readline()
    return text.rstrip(b"\n")


def arrived(**ready: object) -> dict:
    """Up to the request, as it should be."""
    line(b"\n" + order()["marker"].encode())
    say(missing=[])
    say(ready=True, lock=None, **ready)
    return json.loads(said())


def for_ever(data: bytes) -> None:
    while True:
        OUT.write(data)


def forever_silent() -> None:
    time.sleep(600)


# Before the request


def endless_banner() -> None:
    for_ever(b"Welcome!\n" * 1000)


def endless_banner_line() -> None:
    for_ever(b"x" * 65536)


def endless_answer() -> None:
    line(order()["marker"].encode())
    for_ever(b'{"waiting": "' + b"x" * 65536)


def no_json() -> None:
    line(order()["marker"].encode())
    line(b"{'ready': True}")
    forever_silent()


def deep_json() -> None:
    line(order()["marker"].encode())
    line(b"[" * 500_000)
    forever_silent()


def other_json() -> None:
    line(order()["marker"].encode())
    line(b'{"missing": [["a"], 7], "ready": 1, "lock": {"\\u001b[2J": 1}}')
    forever_silent()


def lock_that_is_none() -> None:
    line(order()["marker"].encode())
    line(b'{"ready": true, "lock": {"\\u001b[2J": 1}}')
    forever_silent()


def file_not_offered() -> None:
    line(order()["marker"].encode())
    say(missing=["../../../../etc/passwd"])
    forever_silent()


def files_again_and_again() -> None:
    first = order()
    line(first["marker"].encode())
    while True:
        say(missing=[first["files"][0]["sha256"]])


def reads_nothing() -> None:
    first = order()
    line(first["marker"].encode())
    say(missing=[file["sha256"] for file in first["files"]])
    forever_silent()


def waiting_in_a_hurry() -> None:
    line(order()["marker"].encode())
    while True:
        say(waiting="me")


def escapes_in_an_error() -> None:
    line(order()["marker"].encode())
    say(error="\x1b]0;owned\x07\x1b[2J\x9b31m\nqbench: all is well\r" + "x" * 100_000)


def wrong_end() -> None:
    line(order()["marker"].encode())
    say(cleaned={"files": "\x1b[2J", "bytes": [1]})
    forever_silent()


# After the request: a probe's answers have to be right for a run to go on

MACHINE = {"os": "Linux", "arch": "x86_64", "cpu": "evil", "cores": 1, "memory_bytes": 1}


def probed(request: dict) -> None:
    for question in request["questions"]:
        say(
            kind="ProbeResult", python=question["python"], executable="/bin/python", version="3.11.0",
            numpy="1.26", runtimes=[], runtime={"name": "ai-edge-litert", "version": "2.3.0"},
            delegates=dict.fromkeys(question["delegates"]), error=None, others=[], advice=None,
        )  # fmt: skip
    say(kind="SystemInfo", when="before", machine=MACHINE, changing={})


def measuring(act) -> None:
    """Be a good board for the probe, then `act` on the request to run."""
    request = arrived()
    if request["do"] == "probe":
        probed(request)
        return
    say(kind="SystemInfo", when="before", machine=MACHINE, changing={})
    act(request)


def measurement(job: str, launch: int = 0, **changes: object) -> dict:
    return {
        "kind": "Launch", "job": job, "launch": launch, "runtime": "ai-edge-litert",
        "runtime_version": "2.3.0", "python": "3.11.0", "affinity": [0],
        "init_ns": 1, "first_ns": 1, "warmup": 1,
        "blocks_ns": [[1000, 1001, 1002]], "cpu_time_ns": [], "end_to_end_ns": [1000],
        "timer_resolution_ns": 1.0,
        "ops": {"total": 1, "delegated": 0, "partitions": 0, "not_delegated": []},
        "peak_memory_bytes": 1000, "outputs": [], **changes,
    }  # fmt: skip


def endless_line() -> None:
    measuring(lambda request: for_ever(b"x" * 65536))


def silence() -> None:
    measuring(lambda request: forever_silent())


def wrong_json() -> None:
    measuring(lambda request: line(b'{"kind": "Launch", "job": 1, "\\u001b[2J": 2}'))


def other_cells() -> None:
    """It answers for the cells of another device, too, and then for its own."""

    def act(request: dict) -> None:
        own = request["jobs"][0]["id"]
        for launch in range(6):
            say(**measurement(own.replace("/evil/", "/good/"), launch, blocks_ns=[[1]]))
            say(**measurement("../../x", launch))
            say(**measurement(own, launch))
        say(kind="Failure", job=own.replace("/evil/", "/good/"), launch=0, stage="crash", reason="it is bad")
        say(kind="Done", interrupted=False)

    measuring(act)


def more_launches_than_asked_for() -> None:
    def act(request: dict) -> None:
        for launch in range(500):
            say(**measurement(request["jobs"][0]["id"], launch))
        say(kind="Done", interrupted=False)

    measuring(act)


def escapes_in_reasons() -> None:
    def act(request: dict) -> None:
        evil = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u2066 \x00"
        job = request["jobs"][0]["id"]
        say(kind="Failure", job=job, launch=0, stage="load", reason=evil, signal=evil, stderr=evil)
        say(kind="Done", interrupted=False)

    measuring(act)


FORGED = "no\nqbench: all is well\n" * 10_000


def forged_lines() -> None:
    """226 kB, with line feeds, in every text that is shown."""

    def act(request: dict) -> None:
        job = request["jobs"][0]["id"]
        say(kind="Failure", job=job, launch=0, stage="load", reason=FORGED, signal=None, stderr=FORGED)
        say(kind="Done", interrupted=False)

    measuring(act)


def clock_that_stands_still() -> None:
    def act(request: dict) -> None:
        for launch in range(6):
            times = {"blocks_ns": [[0] * 500], "end_to_end_ns": [0], "init_ns": 0, "first_ns": 0}
            say(**measurement(request["jobs"][0]["id"], launch, **times))
        say(kind="Done", interrupted=False)

    measuring(act)


def strange_figures() -> None:
    """Times that a coarse clock may well give, and then one that none can give."""

    def act(request: dict) -> None:
        own = request["jobs"][0]["id"]
        say(
            **measurement(
                own, 0, blocks_ns=[[0, 1_000_000, 1_000_000]], end_to_end_ns=[0], timer_resolution_ns=1e6
            )
        )
        say(**measurement(own, 1, blocks_ns=[[-5, -6]]))
        forever_silent()

    measuring(act)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
