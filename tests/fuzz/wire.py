"""What can a hostile board do to us? Mutated answers through everything home does with answers.

An input is one stream of answers of a board, made from what a real conductor answered on this machine:

bootstrap   delegates/agent/bootstrap.py's answers, read before the conductor is there
probe     what a board and its Pythons are: read, planned with, and shown as by `qbench devices --probe`
run       measurements: taken into a run, result document, results store, read back, table

Each has to end within 10 s of CPU time, as an answer that was taken or a DeviceError; nothing may be written
outside of the run's folder or started as a process (watched by an audit hook, whoever does it); all text that
is shown or stored has to be printable; the stored document has to be readable again.
"""

from __future__ import annotations

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

import msgspec
import numpy as np
from rich.console import Console

from delegates.wire import Request, printable
from harness import analysis, store
from harness.config import Config, SshTarget, load_config
from harness.devices import listing, machines
from harness.devices.state import device_state
from harness.devices.transports import connection, ssh_command
from harness.devices.transports.bootstrapping import Bootstrapper, WorkFolder
from harness.devices.transports.bundle import Bundle
from harness.devices.transports.connection import Connection
from harness.errors import DeviceError
from harness.record import Crashed, Document, Header, Unavailable
from harness.record.listing import Listing
from harness.record.plain import plain_struct
from harness.report.devices import render as render_devices
from harness.report.progress import ProgressBar
from harness.report.table import render
from harness.session import run as job
from harness.session.jobs import Task
from harness.session.measuring import Measuring
from harness.session.options import Options
from harness.session.plan import Device, Plan, make_plan
from harness.session.stored import open_runs
from harness.session.usable import why_not
from harness.versions import oldest_limiting
from tests.fuzz.hostile import MARKER, HostileTransport, Replayed, mutated
from tests.models import dense_model

LIMIT_S = 10  # of CPU time
WAIT_S = 120  # at all: the machine may be busy
LAUNCHES = 2  # of each cell are kept of the recorded run
RUN = "a-run"
FILES = {
    "events.jsonl", "samples.bin", "outputs.bin", "run.json",
    "samples.csv.gz", "launches.csv", "copies.csv.gz",
}  # fmt: skip
PROFILE = '[devices.board]\nplace = "ssh"\nhost = "board"\ndelegates = ["cpu", "xnnpack"]\nnote = "hostile"\n'


STARTING = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork")


class Broken(Exception):
    """Home did something with an input that it must never do."""


@dataclasses.dataclass
class Recorded:
    """Real answers, and the run they were for."""

    lines: dict[str, list[str]]
    plan: Plan
    header: Header
    request: Request
    config: Config


def record(folder: Path) -> Recorded:
    """One real run, probe and bootstrap on this machine, listened to."""
    model = folder / "net.tflite"
    model.write_bytes(dense_model(seed=1))
    inputs = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    np.savez(folder / "data.npz", x=inputs, labels=np.arange(30) % 3)
    path = folder / "devices.toml"
    path.write_text('[devices.board]\ndelegates = ["cpu", "xnnpack"]\n')
    heard: list[str] = []
    plans: list[Plan] = []
    tasks: list[Task] = []

    def make_tasks(plan: Plan, baseline_ids: set[str], *arguments: Any) -> list[Task]:
        tasks.extend(original(plan, baseline_ids, *arguments))
        plans.append(plan)
        return tasks

    original = job.make_tasks
    with _heard(heard), mock.patch.object(job, "make_tasks", make_tasks):
        options = Options(
            models=[str(model)],
            dataset=str(folder / "data.npz"),
            budget_s=0.01,
            precision=1.0,
            results=folder / "results",
            devices=["board"],
        )
        header = job.run(options, load_config(path), ProgressBar(quiet=True)).run.header
    (plan,), (task,) = plans, tasks
    kinds = [json.loads(line)["kind"] for line in heard]
    probed = kinds.index("SystemInfo") + 1
    path.write_text(PROFILE)
    header = msgspec.structs.replace(header, run_id=RUN)
    lines = {"bootstrap": _bootstrapped(folder), "probe": heard[:probed], "run": _shorter(heard[probed:])}
    return Recorded(lines, plan, header, task.request, load_config(path))


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


def _bootstrapper_of(talk: Connection, notes: list[str]) -> Bootstrapper:
    target = SshTarget("board")
    return Bootstrapper("board", talk, lambda: ssh_command.explain_end(target, talk), notes.append)


def _bootstrapped(folder: Path) -> list[str]:
    """What bootstrap.py says when a file is missing or damaged, and when it has emptied the board."""
    place = WorkFolder(str(folder / "workdir"), "workdir").locked_for("r", 0.0)
    wrong = Bundle(b"print()", "ab")  # it has not this SHA-256
    lines = [MARKER.decode() + "\n"]
    for do in ("run", "clean"):
        talk = Listening(["sh", "-c", ssh_command._BEGIN], Request("probe"))
        bootstrapper = _bootstrapper_of(talk, [])
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
    """Raises Broken, inside whatever does it, when something outside of `folder` is written to.

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
            "bootstrap": self._bootstrap, "probe": self._probe, "run": self._run,
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

    def _bootstrap(self, stream: bytes) -> str:
        self.watch.folder = "/nowhere"
        talk, notes = Replayed(stream, Request("probe")), []
        bootstrapper = _bootstrapper_of(talk, notes)
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
        machine = machines.Machine([profile], HostileTransport(lambda request: Replayed(stream, request)))
        machines.probe_all([machine], "everywhere", notes.append)
        found = machine.answers[profile.name]
        notes.append(why_not(profile, found) or "")
        oldest_limiting([found.runtime])
        device = Device(profile, device_state(profile, machine), found)
        make_plan(self.recorded.plan.models, [device], self.folder, notes.append).as_event()
        listed = Listing("devices.toml", (listing._probed(profile, machine, None),))
        out = io.StringIO()
        render_devices(listed, Console(file=out, width=100))
        for text in (out.getvalue(), *notes, *texts(plain_struct(listed))):
            shown(text)
        return "taken" if machine.problem is None else "refused"

    def _run(self, stream: bytes) -> str:
        writer = store.create(self.folder / "results", self.recorded.header)
        self.watch.folder = str(writer.folder.resolve())
        linked = self.chance.random() < 0.8
        source = self._process if self.chance.random() < 0.01 else Replayed
        if source is not Replayed:
            self.watch.folder = None
        transport = HostileTransport(lambda request: source(stream, request), linked)
        machine = machines.Machine([self.recorded.config.devices["board"]], transport)
        bar = ProgressBar(quiet=True)
        bar.planned(machine.name, {self.recorded.request.jobs[0].group: 1.0})
        with writer:
            writer.planned(self.recorded.plan.as_event())
            job.record_labels(writer, self.recorded.plan)
            Measuring(writer, [Task(machine, self.recorded.request)], bar).measure()
            writer.finished(self.recorded.header.started_at, False)
            if self.watch.folder is not None:  # home's own index lies beside the run
                self.watch.folder = str((self.folder / "results").resolve())
            outcome = job._outcome(writer, self.folder / "results", bar.note, None)
        if self._crashes or self.watch.seen or outcome.problem:
            raise Broken(f"{self._crashes} {self.watch.seen} {outcome.problem}")
        self._read_back(outcome)
        cells = outcome.run.cells
        self.counts["(launches recorded)"] += sum(len(cell.launches) for cell in cells)
        why = "".join(c.ended.reason for c in cells if isinstance(c.ended, Crashed | Unavailable))
        return "refused" if "no answer" in why else "taken"

    def _read_back(self, outcome: job.Outcome) -> None:
        document = open_runs([RUN], self.folder / "results").document
        if document != outcome.document:
            raise Broken("it is shown in another way than it was")
        _check(document, outcome.folder if self.chance.random() < 0.5 else None)  # the table takes longest
        self.watch.folder = None
        names = {path.name for path in outcome.folder.iterdir()}
        if names != FILES:
            raise Broken(f"files {names}")
        for name in ("launches.csv", "events.jsonl"):
            shown((outcome.folder / name).read_text(encoding="utf-8"))
        shutil.rmtree(outcome.folder)

    def _process(self, stream: bytes, request: Request) -> Connection:
        """The same from a real process, which says it on stderr too."""
        path = self.folder / "stream"
        path.write_bytes(stream)
        return Connection(["sh", "-c", f"cat '{path}'; tail -c 300 '{path}' >&2; exit 3"], request)

    def crashed(self, arguments: threading.ExceptHookArgs) -> None:
        self._crashes.append(repr(arguments.exc_value))
        sys.__excepthook__(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)  # type: ignore[arg-type]


def _check(document: Document, folder: Path | None) -> None:
    for text in texts(plain_struct(document)):
        shown(text)
    analysis.exit_code(document)
    if folder is not None:
        out = io.StringIO()
        render(document, Console(file=out, width=100), folder)
        shown(out.getvalue())


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
