"""What does a board over SSH cost, and does it give the same figures?

    python benchmarks/boards.py [--part same|overhead|size|kept|many]... [--repeat 8] [--file F.tflite]...

The boards are sshd processes on loopback, started here with keys of their own; what they run is this Python
on this machine, so that any difference is the way there and back.

same      the same cells locally and over SSH, taking turns: medians, and their ratio with its 95 % interval
overhead  wall time of a whole run over SSH less that of the same run here, in pairs; first and later runs,
          and what a later one uploads
size      of the bundle, and of what is sent before it
kept      what it costs to hash the files kept on a board, once a connection: from the request to the
          conductor's answer with and without that, taking turns, for a model of 100 MB and each --file; from
          memory and, with the kernel told to forget the file, from the disk
many      wall time of four boards in one run against that of one. The stand-in for a delegate that keeps no
          CPU busy: in the workers of this benchmark an inference sleeps for 50 ms
"""

from __future__ import annotations

import argparse
import getpass
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from dense import dense_model
from sshd import PACKAGES, Board, make_keys

from delegates import stats
from delegates.wire import Request
from harness.cache import digest_file
from harness.config import load_config
from harness.devices import machines
from harness.devices.transports import bootstrapping, bundle
from harness.devices.transports.ssh import SshTransport
from harness.record import Document
from harness.report.progress import ProgressBar
from harness.session.options import Options
from harness.session.run import run

DELEGATES = ["cpu", "xnnpack"]
WAITING = """
import time
from ai_edge_litert.interpreter import Interpreter
Interpreter.invoke = lambda self: time.sleep(0.05)
"""


@dataclass
class Place:
    """A folder with boards, models and a cache of its own."""

    folder: Path
    boards: list[Board]

    def config(self, name: str) -> Path:
        """A devices.toml with this machine as `here`, and the boards."""
        path = self.folder / f"{name}.toml"
        here = f"[devices.here]\ndelegates = {DELEGATES}\n".replace("'", '"')
        boards = [board.profile(delegates=DELEGATES) for board in self.boards]
        path.write_text("\n".join([here, *boards]))
        return path

    def forget(self) -> None:
        """The boards as they were before anything was sent there."""
        for board in self.boards:
            shutil.rmtree(board.workdir, ignore_errors=True)


@dataclass
class Ran:
    seconds: float
    document: Document
    uploaded_bytes: int


@contextmanager
def boards(count: int) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="b") as name:
        folder = Path(name)
        make_keys(folder)
        made = [Board(f"board{number}", folder / f"board{number}", folder) for number in range(count)]
        try:
            for board in made:
                board.start()
            (folder / "net").mkdir()
            for width in (256, 1024):
                (folder / "net" / f"dense{width}.tflite").write_bytes(dense_model(width, width))
            with mock.patch.dict(os.environ, QBENCH_CACHE=str(folder / "cache")):
                yield Place(folder, made)
        finally:
            for board in made:
                board.stop()


def once(place: Place, devices: list[str], config: Path, **options: Any) -> Ran:
    """One whole run, with the fewest launches there are."""
    runners: list[SshTransport] = []

    def listen(*arguments: Any) -> Any:
        runner = original(*arguments)
        runners.append(runner)
        return runner

    original = machines._transport
    values = {
        "models": [str(place.folder / "net")], "budget_s": 0.3, "precision": 1.0,
        "results": place.folder / "results", **options,
    }  # fmt: skip
    chosen = Options(devices=devices, **values)
    started = time.monotonic()
    with mock.patch.object(machines, "_transport", listen):
        document = run(chosen, load_config(config), ProgressBar(quiet=True)).document
    seconds = time.monotonic() - started
    failed = {row.reason for row in document.cells if row.latency_ms is None}
    if failed:
        sys.exit(f"not measured: {failed}")
    return Ran(seconds, document, sum(getattr(runner, "uploaded_bytes", 0) for runner in runners))


def same(repeat: int) -> None:
    print(f"\nThe same cells here and over SSH to here, {repeat} runs each, taking turns")
    print(f"{'cell':24} {'here':>10} {'over SSH':>10} {'ratio':>7}  95 % interval")
    found: dict[str, list[tuple[float, float]]] = {}
    with boards(1) as place:
        config = place.config("same")
        for _ in range(repeat):
            here, there = (medians(once(place, [name], config, budget_s=1.0)) for name in ("here", "board0"))
            for cell in here:
                found.setdefault(cell, []).append((here[cell], there[cell]))
    for cell, pairs in found.items():
        ratio = stats.locate([math.log(there / here) for here, there in pairs])
        value, low, high = (math.exp(x) for x in ratio)
        one, other = (stats.median(column) * 1000 for column in zip(*pairs, strict=True))
        verdict = "agree" if low <= 1 <= high else "DIFFER"
        print(f"{cell:24} {one:7.2f} µs {other:7.2f} µs {value:7.3f}  [{low:.3f}-{high:.3f}] {verdict}")


def medians(ran: Ran) -> dict[str, float]:
    """Return the median latencies in ms, by cell."""
    return {f"{row.variant} {row.delegate}": row.latency_ms.median for row in ran.document.cells}


def overhead(repeat: int) -> None:
    print(f"\nWall time of a whole run over SSH less that of the same run here, {repeat} pairs")
    with boards(1) as place:
        config = place.config("overhead")
        # One cell: what it takes to measure would only hide what it takes to get there.
        cell = {"models": [str(place.folder / "net" / "dense256.tflite")], "delegates": ["cpu"]}
        once(place, ["here"], config, **cell)  # warms the caches of this machine
        for name, bar_s in (("first", 2.0), ("later", 1.0)):
            more, uploads = [], []
            for _ in range(repeat):
                if name == "first":
                    place.forget()
                here, there = (once(place, [where], config, **cell) for where in ("here", "board0"))
                more.append(there.seconds - here.seconds)
                uploads.append(there.uploaded_bytes)
            value, low, high = stats.locate(more)
            verdict = "ok" if value <= bar_s else "TOO MUCH"
            print(
                f"{name} run: {value:+.2f} s [{low:+.2f} to {high:+.2f}], at most {bar_s:g} s: {verdict};"
                f" uploaded {min(uploads)} to {max(uploads)} bytes"
            )


def size() -> None:
    sent = len(bundle.build().data)
    before = bootstrapping._SOURCE.stat().st_size
    verdict = "ok" if sent <= 150_000 else "TOO LARGE"
    print(f"\nBundle: {sent} bytes, at most 150000: {verdict}; sent before it, each time: {before} bytes")


CHECK = 'for piece in iter(lambda: file.read(_PIECE_BYTES), b""):'


def kept(repeat: int, files: Sequence[Path]) -> None:
    print(f"\nA connection with a board that has all files, with and without hashing them, {repeat} pairs")
    print(
        f"{'file':28} {'MB':>6} {'without':>9} {'with':>9} {'hashing, from memory':>25} {'from the disk':>20}"
    )
    with boards(1) as place:
        large = place.folder / "dense-100-MB.tflite"
        large.write_bytes(dense_model(5000, 5000))
        checking = bootstrapping._SOURCE.read_text()
        blind = checking.replace(CHECK, "for piece in ():").replace("digest.hexdigest() == sha256", "True")
        assert blind.count("True") > checking.count("True") and CHECK not in blind
        (place.folder / "blind.py").write_text(blind)
        for file in (large, *files):
            times: dict[str, list[float]] = {"without": [], "with": [], "disk": []}
            talk(place, file)
            for _ in range(repeat):
                with mock.patch.object(bootstrapping, "_SOURCE", place.folder / "blind.py"):
                    times["without"].append(talk(place, file))
                times["with"].append(talk(place, file))
                forget_cached(place.boards[0].workdir / "files" / digest_file(file))
                times["disk"].append(talk(place, file))
            warm, cold = (difference(times[name], times["without"]) for name in ("with", "disk"))
            without, with_ = (stats.median(times[name]) for name in ("without", "with"))
            size = file.stat().st_size / 1e6
            print(f"{file.name:28} {size:6.1f} {without:7.3f} s {with_:7.3f} s {warm:>25} {cold:>20}")


def talk(place: Place, file: Path) -> float:
    """Seconds from the request to the last answer, over a connection that is there."""
    profile = load_config(place.config("kept")).devices["board0"]
    with machines.open_all([profile], print) as (machine,):
        runner = machine.transport
        assert isinstance(runner, SshTransport)
        runner.remote_path(file)
        runner.open_link()
        started = time.monotonic()
        list(runner.start(Request("probe")))
        return time.monotonic() - started


def forget_cached(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def difference(ones: Sequence[float], others: Sequence[float]) -> str:
    value, low, high = stats.locate([one - other for one, other in zip(ones, others, strict=True)])
    return f"{value:+.3f} s [{low:+.3f} to {high:+.3f}]"


def many(repeat: int) -> None:
    print(f"\nFour boards in one run against one, an inference sleeps for 50 ms (a stand-in), {repeat} pairs")
    with boards(4) as place:
        (place.folder / "sitecustomize.py").write_text(WAITING)
        config = place.folder / "many.toml"
        keys = {"delegates": ["cpu"], "runtime": "ai-edge-litert", "env": {"PYTHONPATH": str(place.folder)}}
        config.write_text("\n".join(profile(board, keys) for board in place.boards))
        names = [board.name for board in place.boards]
        ratios, seconds = [], []
        for _ in range(repeat):
            one, four = (once(place, chosen, config, budget_s=20.0) for chosen in (names[:1], names))
            ratios.append(four.seconds / one.seconds)
            seconds.append((one.seconds, four.seconds))
    value, low, high = stats.locate(ratios)
    one_s, four_s = (stats.median(column) for column in zip(*seconds, strict=True))
    verdict = "ok" if value <= 1.2 else "TOO MUCH"
    print(
        f"one {one_s:.1f} s, four {four_s:.1f} s: {value:.2f} [{low:.2f}-{high:.2f}], at most 1.2: {verdict}"
    )


def profile(board: Board, keys: dict[str, Any]) -> str:
    """Its table in devices.toml; json.dumps, which Board.profile writes with, knows no inline tables."""
    env = ", ".join(f'{key} = "{value}"' for key, value in keys["env"].items())
    others = {key: value for key, value in keys.items() if key != "env"}
    return board.profile(**others) + f"env = {{ {env} }}\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", action="append", choices=list(PARTS))
    parser.add_argument("--repeat", type=int, default=8)
    parser.add_argument("--file", action="append", type=Path, default=[], help="for kept, beside its own")
    options = parser.parse_args()
    if options.repeat < 2:
        parser.error("an interval needs at least two")
    missing = [package for package, found in PACKAGES.items() if found is None]
    if missing:
        sys.exit(f"needs {' and '.join(missing)}")
    print(f"as {getpass.getuser()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    for part in options.part or PARTS:
        PARTS[part](options)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "same": lambda options: same(options.repeat),
    "overhead": lambda options: overhead(options.repeat),
    "size": lambda options: size(),
    "kept": lambda options: kept(options.repeat, options.file),
    "many": lambda options: many(options.repeat),
}

if __name__ == "__main__":
    main()
