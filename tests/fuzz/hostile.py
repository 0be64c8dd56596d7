"""A hostile board: what real ones answered once, mutated."""

from __future__ import annotations

import copy
import io
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

from delegates.wire import Request
from harness.devices.transports.connection import Connection

MARKER = b"@the order's marker@"
OVERSIZED = 65 << 20  # more than any line may have

NASTY: list[Any] = [
    None, True, False, 0, -1, 1, 7, 2**31, 2**53 + 1, 2**62, 2**63, -(2**63), 10**400,
    0.5, -0.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), -float("inf"),
    "", "0", "nan", "\x00", "\x1b]0;owned\x07\x1b[2J", "\r\n", "\u202egnp", "\ud800", "\x9b31m", "é\n'\"",
    "../../../../tmp/escaped", "/etc/passwd", "~/.ssh/authorized_keys", "[bold]{0}%s$(id)`id`", "=cmd()",
    "ok", "crash", "long" * 5000, "AAAA", "AAA=", "!",
    [], {}, [[]], [0], [-1], [None], ["x"], [2**62] * 3, {"": ""}, {"kind": "Done"},
]  # fmt: skip
KEYS = [
    "governors", "throttle_count", "throttle_flags", "temperatures_c", "home_cpu_s", "cpu_steal_s",
    "lock", "kind",
]  # fmt: skip


class Replayed(Connection):
    """Answers from memory instead of a process; everything else is home's own."""

    def __init__(self, answers: bytes, request: Request) -> None:
        self._request, self._bootstrap, self.timeouts = request, None, None
        self.asked, self.late, self.status, self._read_bytes = False, None, None, 0
        self._answers = answers
        self._process = SimpleNamespace(stdout=None, errors=lambda: answers[-300:])

    def send(self, *pieces: bytes, content: Path | bytes = b"") -> None:
        """Nobody listens, but for the marker that an order asks back."""
        found = re.search(rb'"marker": "(\w+)"', b"".join(pieces))
        if found:
            self._answers = self._answers.replace(MARKER, found[1])

    def read_line(self, limit: int) -> bytes:
        self._process.stdout = self._process.stdout or io.BytesIO(self._answers)
        return super().read_line(limit)

    def stop(self) -> None: ...

    def kill(self) -> None: ...

    def close(self) -> str | None:
        self.status = (0, 0, 255, 98, 1)[len(self._answers) % 5]
        return None if self.status == 0 else f"the conductor ended with exit status {self.status}"


class HostileTransport:
    """A board as a Transport; answers what it is told to, after a lost link something else."""

    def __init__(self, answers: Callable[[Request], Connection], linked: bool = True) -> None:
        self.name, self.lock_holder, self._answers, self._linked = "the board", None, answers, linked

    def python(self, wanted: str | None) -> str:
        return wanted or "python3"

    def remote_path(self, path: Path) -> str:
        return f"files/{path.name}"

    def lock_for(self, run_id: str, wait_s: float | None) -> None: ...

    def start(self, request: Request) -> Connection:
        return self._answers(request)

    def link_is_up(self) -> bool:
        return self._linked

    def restore_link(self, stopped: Event) -> bool:
        return not self._linked

    def close(self) -> None: ...


def mutated(lines: list[str], foreign: list[str], chance: random.Random) -> bytes:
    """The stream of a board that is hostile once or several times: in its lines, in their order, in bytes."""
    lines = list(lines)
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        _shuffled(lines, foreign, chance) if chance.random() < 0.1 else _changed(lines, chance)
    stream = "".join(lines).encode("ascii")
    if chance.random() < 0.1:
        stream = _bytewise(bytearray(stream), chance)
    if chance.random() < 0.0005:
        stream += b"[" * OVERSIZED
    return stream


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A text file after damage: in the values of one of its lines of JSON, in its lines, or in its bytes."""
    try:
        lines = data.decode("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError:
        lines = []
    if not lines or chance.random() < 0.3:
        return _bytewise(bytearray(data), chance)
    if chance.random() < 0.3:
        _shuffled(lines, lines, chance)
    elif data.startswith(b"{\n"):  # one object in many lines
        lines = ["".join(lines)]
    _changed(lines, chance)
    return "".join(lines).encode("utf-8", "surrogatepass")


def _changed(lines: list[str], chance: random.Random) -> None:
    """Return a line with some of its values changed."""
    place = chance.randrange(len(lines))
    try:
        message = copy.deepcopy(json.loads(lines[place]))
    except (ValueError, RecursionError):
        return
    for _ in range(chance.choice((1, 1, 2, 4))):
        message = _mutate(message, chance)
    text = json.dumps(message)
    if chance.random() < 0.05:
        text = text.replace(", ", ', "kind": "SystemInfo", ', 1)  # a key twice
    if chance.random() < 0.02:
        text = text.replace(": 1", ": " + "[" * 3000, 1)
    lines[place] = text + "\n"


def _mutate(value: Any, chance: random.Random) -> Any:
    """`value`, or something inside it, replaced or twisted; mostly so that its type stays what it was."""
    if chance.random() < 0.1:
        return copy.deepcopy(chance.choice(NASTY))
    if isinstance(value, dict) and value:
        key, what = chance.choice(list(value)), chance.random()
        if what < 0.03:
            del value[key]
        elif what < 0.08:
            value[str(chance.choice(KEYS + NASTY))] = copy.deepcopy(chance.choice(NASTY))
        else:
            value[key] = _mutate(value[key], chance)
        return value
    if isinstance(value, list) and value:
        place, what = chance.randrange(len(value)), chance.random()
        if what < 0.15:
            del value[place:]
        elif what < 0.3 and len(value) < 1000:
            value *= chance.choice((2, 3, 200))
        else:
            value[place] = _mutate(value[place], chance)
        return value
    return _alike(value, chance)


def _alike(value: Any, chance: random.Random) -> Any:
    """Another value of the same type."""
    if isinstance(value, str):
        cut, other = chance.randrange(len(value) + 1), str(chance.choice(NASTY))
        return chance.choice((other, value[:cut], value[:cut] + other + value[cut:]))
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**62:
        near = (-value, value + 1, value * 10**6, value // 2, value * 0, value * 0 - 1)
        return chance.choice((*near, *(n for n in NASTY if type(n) is type(value))))
    return copy.deepcopy(chance.choice(NASTY))


def _shuffled(lines: list[str], foreign: list[str], chance: random.Random) -> None:
    place = chance.randrange(len(lines))
    what = chance.choice(("drop", "repeat", "move", "cut", "foreign", "flood", "blank"))
    if what == "drop" and len(lines) > 1:
        del lines[place]
    elif what == "repeat":
        lines.insert(place, lines[place])
    elif what == "move":
        chance.shuffle(lines)
    elif what == "cut":
        lines[place] = lines[place][: chance.randrange(len(lines[place]) + 1)]
    elif what == "foreign":
        lines.insert(place, chance.choice(foreign))
    elif what == "flood":
        lines[place] *= 100
    else:
        lines.insert(place, "\n" * chance.choice((1, 1000)))


def _bytewise(stream: bytearray, chance: random.Random) -> bytes:
    """Return the data with bytes flipped, removed, repeated or inserted, or cut short."""
    for _ in range(chance.choice((1, 1, 3, 20))):
        place = chance.randrange(len(stream) + 1)
        end = min(len(stream), place + chance.choice((1, 1, 8, 200)))
        what = chance.randrange(5)
        if what == 0:
            del stream[place:end]
        elif what == 1:
            stream[place:place] = stream[place:end]
        elif what == 2:
            stream[place:end] = chance.randbytes(end - place)
        elif what == 3 and place < len(stream):
            stream[place] ^= 1 << chance.randrange(8)
        else:
            del stream[place:]
    return bytes(stream)
