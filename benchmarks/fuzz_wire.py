"""What can a hostile board do to us? Mutated answers through everything home does with answers.

    python -m benchmarks.fuzz_wire [--inputs 100000] [--seed 1]

An input is one stream of answers of a board, made from what a real conductor answered on this machine:

bootstrapper   delegates/bootstrap.py's answers, read before the conductor is there
probe     what a board and its Pythons are: read, planned with, and shown as by `qbench devices --probe`
run       measurements: taken into a run, result document, results store, read back, table

Each has to end within 10 s of CPU time, as an answer that was taken or a DeviceError; nothing may be written
outside of the run's folder or started as a process (watched by an audit hook, whoever does it); all text that
is shown or stored has to be printable; the stored document has to be readable again.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import dataclasses
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from rich.console import Console

from benchmarks.hostile import MARKER, HostileRunner, Replayed, mutated
from delegates.wire import Request, printable
from harness import store as results
from harness.analysis import rows
from harness.config import Config, SshTarget, load_config
from harness.devices import listing, machines
from harness.devices.transports import connection, ssh_command
from harness.devices.transports.bootstrapping import Bootstrapper, WorkFolder
from harness.devices.transports.bundle import Bundle
from harness.devices.transports.connection import Connection
from harness.errors import DeviceError
from harness.report.devices import render as render_devices
from harness.report.progress import ProgressBar
from harness.report.table import render
from harness.session import execute, plan, selection
from harness.session import run as job
from tests.models import dense_model

LIMIT_S = 10  # of CPU time
WAIT_S = 120  # at all: the machine may be busy
LAUNCHES = 2  # of each cell are kept of the recorded run
PROFILE = '[listing.board]\nplace = "ssh"\nhost = "board"\ndelegates = ["cpu", "xnnpack"]\nnote = "hostile"\n'


STARTING = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork")


class Broken(Exception):
    """Home did something with an input that it must never do."""


@dataclasses.dataclass
class Recorded:
    """Real answers, and the run they were for."""

    lines: dict[str, list[str]]
    run: results.Run
    request: Request
    config: Config


def record(folder: Path) -> Recorded:
    """One real run, probe and bootstrapper on this machine, listened to."""
    model = folder / "net.tflite"
    model.write_bytes(dense_model(seed=1))
    path = folder / "devices.toml"
    path.write_text('[listing.board]\ndelegates = ["cpu", "xnnpack"]\n')
    heard: list[str] = []
    with _heard(heard), mock.patch.object(execute, "Execution", wraps=execute.Execution) as made:
        options = selection.Options(
            models=[str(model)], budget_s=0.01, precision=1.0, results=folder / "results", devices=["board"]
        )
        job.run(options, load_config(path), ProgressBar(quiet=True))
    (run, (task,), *_) = made.call_args.args
    kinds = [json.loads(line)["kind"] for line in heard]
    probed = kinds.index("SystemInfo") + 1
    path.write_text(PROFILE)
    config = load_config(path)
    run = dataclasses.replace(
        run, devices=[dataclasses.replace(d, profile=config.devices["board"]) for d in run.devices]
    )
    lines = {"bootstrapper": _arrived(folder), "probe": heard[:probed], "run": _shorter(heard[probed:])}
    return Recorded(lines, run, task.request, config)


@contextlib.contextmanager
def _heard(lines: list[str]) -> Iterator[None]:
    def listen(line: str) -> Any:
        lines.append(line)
        return original(line)

    original = connection.receive
    with mock.patch.object(connection, "receive", listen):
        yield


def _shorter(lines: list[str]) -> list[str]:
    """A run of few launches and little progress: inputs are to be many, not long."""
    kept, progress = [], 0
    for line in lines:
        message = json.loads(line)
        progress += message["kind"] == "Progress"
        if message.get("launch", 0) < LAUNCHES and (message["kind"] != "Progress" or progress < 3):
            if "blocks_ns" in message:
                message["blocks_ns"] = [block[:12] for block in message["blocks_ns"][:3]]
                message["cpu_time_ns"] = copy.deepcopy(message["blocks_ns"])  # as slower models have them
                message["end_to_end_ns"] = message["end_to_end_ns"][:12]
            kept.append(json.dumps(message) + "\n")
    return kept


class Listening(Connection):
    """Remembers what was answered."""

    def read_line(self, limit: int) -> bytes:
        line = super().read_line(limit)
        self.said = [*getattr(self, "said", []), line]
        return line


def _arrival_of(talk: Connection, notes: list[str]) -> Bootstrapper:
    target = SshTarget("board")
    return Bootstrapper("board", talk, lambda: ssh_command.explain_end(target, talk), notes.append)


def _arrived(folder: Path) -> list[str]:
    """What bootstrap.py says when a file is missing or damaged, and when it has emptied the board."""
    place = WorkFolder(str(folder / "workdir"), "workdir").locked_for("r", 0.0)
    wrong = Bundle(b"print()", "ab")  # it has not this SHA-256
    lines = [MARKER.decode() + "\n"]
    for do in ("run", "clean"):
        talk = Listening(["sh", "-c", ssh_command._BEGIN], Request("probe"))
        bootstrapper = _arrival_of(talk, [])
        bootstrapper.greet()
        bootstrapper.begin(place, wrong, {wrong.sha256: wrong.data}, do, ssh_command.choice(sys.executable))
        with contextlib.suppress(DeviceError):
            bootstrapper.finish("cleaned", {wrong.sha256: wrong.data})
        talk.close()
        lines += [line.decode() for line in talk.said if line.startswith(b"{")]
    return [*lines, '{"waiting": "me@home (run r) for 3 s"}\n', '{"ready": true, "lock": null}\n']


WRITING = ("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod")
LISTING = ("os.listdir", "os.scandir")


def _is_import(path: Any) -> bool:
    """Python lists the folders of packages when it first imports from them."""
    places = (sys.prefix, sys.base_prefix, *filter(None, sys.path))
    return isinstance(path, str) and os.path.realpath(path).startswith(tuple(map(os.path.realpath, places)))


class Watch:
    """Raises Broken, inside whatever does it, when something else than the run's folder is written to.

    An audit hook can't be removed, so there is one, and it is off while `folder` is None.
    """

    def __init__(self) -> None:
        self.folder: str | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
                return
            self._check(event, path)
        elif event in WRITING or (event in LISTING and not _is_import(arguments[0])):
            self._check(event, arguments[0])
        elif event in ("os.rename", "os.link", "os.symlink"):
            self._check(event, arguments[0])
            self._check(event, arguments[1])
        elif event in STARTING:
            self._broken(event, arguments)

    def _check(self, event: str, path: Any) -> None:
        if isinstance(path, int | None):
            return
        if not os.path.realpath(os.fsdecode(path)).startswith(str(self.folder)):
            self._broken(event, path)

    def _broken(self, event: str, what: Any) -> None:
        self.seen.append(f"{event} {what!r:.200}")
        raise Broken(self.seen[-1])


class Fuzz:
    """Gives inputs to home; counts what became of them."""

    def __init__(self, recorded: Recorded, folder: Path, watch: Watch, seed: int) -> None:
        self.recorded, self.folder, self.watch = recorded, folder, watch
        self.chance = random.Random(seed)
        self.counts: collections.Counter[str] = collections.Counter()
        self.slowest_s = 0.0
        self._crashes: list[str] = []
        self._every = [line for lines in recorded.lines.values() for line in lines]
        self._kinds: dict[str, Callable[[bytes], str]] = {
            "bootstrapper": self._arrival, "probe": self._probe, "run": self._run,
        }  # fmt: skip

    def one(self) -> None:
        """One input. Raises Broken, with the input in its notes."""
        kind = self.chance.choice(list(self._kinds))
        stream = mutated(self.recorded.lines[kind], self._every, self.chance)
        started = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
        signal.alarm(WAIT_S)
        try:
            outcome = self._kinds[kind](stream)
        except BaseException as error:
            self.watch.folder = None
            Path("fuzz-input").write_bytes(stream)
            error.add_note(f"{kind}: {len(stream)} bytes, kept in fuzz-input")
            raise
        finally:
            self.watch.folder = None
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
        self.slowest_s = max(self.slowest_s, time.process_time() - started)
        self.counts[f"{kind}: {outcome}"] += 1

    def _arrival(self, stream: bytes) -> str:
        self.watch.folder = "/nowhere"
        talk, notes = Replayed(stream, Request("probe")), []
        bootstrapper = _arrival_of(talk, notes)
        try:
            bootstrapper.begin(WorkFolder(None, "workdir"), Bundle(b"", "ab"), {})
            bootstrapper.finish(self.chance.choice(("ready", "cleaned")), {})
        except DeviceError as error:
            shown(str(error), one_line=True)
            return "refused"
        finally:
            for note in notes:
                shown(note, one_line=True)
        return "taken"

    def _probe(self, stream: bytes) -> str:
        self.watch.folder = "/nowhere"
        profile, notes = self.recorded.config.devices["board"], list[str]()
        machine = machines.Machine([profile], HostileRunner(lambda request: Replayed(stream, request)))
        machines.probe_all([machine], "everywhere", notes.append)
        notes.append(job._why_not(profile, machine.answers[profile.name]) or "")
        job._oldest_runtime([profile], machine.answers)
        job._device(profile, machine)
        plan.make_cells(self.recorded.run.models, self.recorded.run.devices, machine.answers)
        found = {**listing._profile(profile), **listing._found(machine, "board")}
        out = io.StringIO()
        render_devices({"file": "devices.toml", "devices": [found]}, Console(file=out, width=100))
        for text in (out.getvalue(), *notes, *texts(found)):
            shown(text)
        return "taken" if machine.problem is None else "refused"

    def _run(self, stream: bytes) -> str:
        store = results.create(self.folder / "results", "a-run")
        self.watch.folder = str(store.folder.resolve())
        linked = self.chance.random() < 0.8
        source = self._process if self.chance.random() < 0.01 else Replayed
        if source is not Replayed:
            self.watch.folder = None
        runner = HostileRunner(lambda request: source(stream, request), linked)
        run = self._fresh_run()
        saver = job._Saver(run, store)
        machine = machines.Machine([run.devices[0].profile], runner)
        bar = ProgressBar(quiet=True)
        bar.planned(machine.name, {self.recorded.request.jobs[0].group: 1.0})
        notes: list[str] = []
        task = execute.Task(machine, self.recorded.request)
        execute.Execution(run, [task], saver.save, bar.measured, notes.append).measure()
        run.finished_at = run.started_at
        saver.save()
        if self._crashes or self.watch.seen or saver.problem:
            raise Broken(f"{self._crashes} {self.watch.seen} {saver.problem}")
        self._read_back(store)
        self.counts["(measurements taken into runs)"] += sum(len(cell.measurements) for cell in run.cells)
        why = "".join(cell.refusal.reason for cell in run.cells if cell.refusal is not None)
        return "refused" if "no answer" in why else "taken"

    def _read_back(self, store: results.Store) -> None:
        document = results.load("a-run", self.folder / "results")
        for text in texts(document):
            shown(text)
        rows.exit_code(document)
        if self.chance.random() < 0.5:  # it takes longer than all the rest
            out = io.StringIO()
            render(document, Console(file=out, width=100), store.folder)
            shown(out.getvalue())
        self.watch.folder = None
        names = {path.name for path in store.folder.iterdir()}
        if names != {"run.json", "samples.csv.gz", "launches.csv", "copies.csv.gz"}:
            raise Broken(f"files {names}")
        shown((store.folder / "launches.csv").read_text(encoding="utf-8"))
        shutil.rmtree(store.folder)

    def _fresh_run(self) -> results.Run:
        run = self.recorded.run
        cells = [dataclasses.replace(cell, measurements=[], refusal=None) for cell in run.cells]
        made = [dataclasses.replace(d, facts_before={}, facts_after={}, problem=None) for d in run.devices]
        return dataclasses.replace(run, cells=cells, devices=made, finished_at=None)

    def _process(self, stream: bytes, request: Request) -> Connection:
        """The same from a real process, which says it on stderr too."""
        path = self.folder / "stream"
        path.write_bytes(stream)
        return Connection(["sh", "-c", f"cat '{path}'; tail -c 300 '{path}' >&2; exit 3"], request)

    def crashed(self, arguments: threading.ExceptHookArgs) -> None:
        self._crashes.append(repr(arguments.exc_value))
        sys.__excepthook__(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)  # type: ignore[arg-type]


def shown(text: str, one_line: bool = False) -> None:
    """Raises Broken for what a terminal would obey."""
    if printable(text) != text or (one_line and "\n" in text):
        raise Broken(f"shown: {text!r:.500}")


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


@contextlib.contextmanager
def fuzzing(seed: int, watch: Watch) -> Iterator[Fuzz]:
    """Everything set up; crashes of threads and inputs that take too long are told."""

    def late(number: int, frame: Any) -> None:
        raise Broken(f"an input took more than {LIMIT_S if number == signal.SIGPROF else WAIT_S} s")

    fast = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
    with tempfile.TemporaryDirectory(dir=fast) as name:
        fuzz = Fuzz(record(Path(name)), Path(name), watch, seed)
        before = {number: signal.signal(number, late) for number in (signal.SIGALRM, signal.SIGPROF)}
        compiled = mock.patch.object(
            sys, "dont_write_bytecode", True
        )  # a late import is not the board's doing
        try:
            with compiled, mock.patch.object(threading, "excepthook", fuzz.crashed):
                yield fuzz
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    with fuzzing(options.seed, Watch()) as fuzz:
        for _ in range(options.inputs):
            fuzz.one()
    print(f"{options.inputs} inputs, seed {options.seed}, {time.monotonic() - started:.0f} s, ", end="")
    print(f"slowest {fuzz.slowest_s:.2f} s of CPU; no crash, no hang, nothing outside of the run's folder")
    for what, count in sorted(fuzz.counts.items()):
        print(f"{count:8} {what}")


if __name__ == "__main__":
    main()
