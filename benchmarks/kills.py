"""Kill a run at random moments: is all that it had reported read back, and is nothing else left behind?

    python -m benchmarks.kills [--count 100] [--seed 1] [--of run|writer|index|upgrade]

run      `qbench run` of the built-in model, with its workers (--run "ARGUMENTS" for another)
writer   only what a run does with its record, over and over: many more kills hit a write or the export
index    only what a run does with the index beside the runs, over and over
upgrade  what a newer qbench does with a store, over and over: it makes an index in place of the older one,
         derives figures anew that an older estimator derived, and exports a run that was not

Each run is started in a folder, with a cache, locks and a temporary folder of its own, and killed with its
whole process group (SIGKILL). A launch counts as reported once `Writer.launched` has returned. Then:

- every reported launch has to be read back with all its samples and outputs, and nothing damaged
- it has to be shown: `qbench show` (run), or exported from what is read (writer)
- the index beside the runs has to be sound, and holds a run's figures completely or not at all
- nobody holds the record's lock or the machine's, no process is alive, no temporary file is left
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import itertools
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from delegates.wire import Launch, Output
from harness import analysis, store
from harness.errors import ResultsError
from harness.record import SCHEMA, DeviceState, Document, Done, Header, Host, Model, Run, Variant, events
from harness.session.indexing import list_cells, remember
from harness.session.stored import open_runs
from harness.store.index import FILE, CellFilter, Index, RunFilter, using
from harness.store.index.file import EARLIER
from harness.store.reader import NothingPlannedError

SMALL = "--variant float32 --variant int8 --device cpu --device xnnpack --budget 0.2 --precision 5%"
QBENCH = "from harness.cli import main; main()"
GONE_S = 15.0  # within which what a killed run had started has to be gone
REPORTS, TOKEN = "QBENCH_KILLS_REPORTS", "QBENCH_KILLS_TOKEN"  # of the killed process's environment
RECORD = {"events.jsonl", "samples.bin", "outputs.bin"}
EXPORTED = RECORD | {"run.json", "samples.csv.gz", "launches.csv", "copies.csv.gz"}


def identity(run_id: str, cell: str, launch: Launch) -> str:
    """A launch with all that was measured in it, as one line."""
    blocks, cpu_times = ([list(block) for block in times] for times in (launch.blocks_ns, launch.cpu_time_ns))
    measured = (blocks, cpu_times, list(launch.end_to_end_ns), launch.outputs)  # read back as arrays
    return f"{run_id} {launch.launch} {hashlib.sha256(repr(measured).encode()).hexdigest()} {cell}"


# In the process that is killed


def report_launches() -> None:
    """Make every Writer of this process write a line for each launch that it has taken."""
    pipe, launched = int(os.environ[REPORTS]), store.Writer.launched

    def reporting(writer: store.Writer, cell_id: str, launch: Launch) -> None:
        launched(writer, cell_id, launch)
        if writer.problem is None:
            os.write(pipe, (identity(writer.folder.name, cell_id, launch) + "\n").encode())

    store.Writer.launched = reporting  # type: ignore[method-assign, assignment]


def run_qbench(arguments: Sequence[str]) -> None:
    """`qbench` in this process."""
    from harness.cli import main

    sys.argv = ["qbench", *arguments]
    main()


def record_for_ever(results_dir: Path, seed: int) -> None:
    """One run after the other: planned, measured in no time, finished, exported."""
    chance = random.Random(seed)
    while True:
        header = Header(store.new_run_id(), "2026-11-21T05:44:12Z", "0.1.0", Host())
        with store.create(results_dir, header) as writer:
            writer.planned(plan())
            for number, cell in itertools.product(range(5), plan().cells):
                writer.launched(cell.id, random_launch(cell.id, number, chance))
            for cell in plan().cells:
                writer.ended(cell.id, Done())
            writer.finished("2026-11-21T05:50:00Z", interrupted=False)
            run = store.load(writer.folder, results_dir)
            store.export(run, stand_in(run), writer.folder)


def finished_runs(results_dir: Path, count: int) -> list[Path]:
    """A few runs in no time; returns their folders."""
    folders = []
    for number in range(count):
        header = Header(store.new_run_id(), "2026-11-21T05:44:12Z", "0.1.0", Host())
        with store.create(results_dir, header) as writer:
            writer.planned(plan())
            for cell in plan().cells:
                writer.launched(cell.id, random_launch(cell.id, 0, random.Random(number)))
            writer.finished("2026-11-21T05:50:00Z", interrupted=False)
        folders.append(writer.folder)
    return folders


def index_for_ever(results_dir: Path) -> None:
    """A few runs that are put into the index and removed from it."""
    folders = finished_runs(results_dir, 3)
    documents = {folder: analysis.document(store.load(folder, results_dir)) for folder in folders}
    while True:
        for folder, document in documents.items():
            remember(folder, document, results_dir, sys.exit)
        using(results_dir, lambda index: index.forget([folder.name for folder in documents]), sys.exit)


def upgrade_for_ever(results_dir: Path) -> None:
    """Runs whose index, figures and exports are again and again those of an older qbench."""
    folders = finished_runs(results_dir, 20)
    (results_dir / EARLIER[0]).write_bytes(bytes(1 << 16))
    while True:
        list_cells(results_dir, RunFilter(), CellFilter(), sys.exit)
        using(results_dir, lambda index: outdate(index, folders), sys.exit)
        list_cells(results_dir, RunFilter(), CellFilter(), sys.exit)
        for folder in folders[:3]:
            open_runs([folder.name], results_dir)
            (folder / "run.json").unlink()
        (results_dir / FILE).rename(results_dir / EARLIER[0])


def outdate(index: Index, folders: Sequence[Path]) -> None:
    """Make the figures of all runs those of an older estimator."""
    index.put_figures([(folder.name, ()) for folder in folders], analysis.ESTIMATOR - 1)


def plan() -> events.Planned:
    """Two cells of a model."""
    cells = [events.PlannedCell(f"m/{v}/cpu/cpu/1", "m", v, "cpu", "cpu", 1) for v in ("float32", "int8")]
    variants = (Variant("m", "float32"), Variant("m", "int8"))
    return events.Planned((Model("m"),), variants, (), (DeviceState("cpu"),), tuple(cells))


def random_launch(cell: str, number: int, chance: random.Random) -> Launch:
    """Up to 4,000 samples, that hardly compress."""
    blocks = [[chance.randrange(1 << 40) for _ in range(chance.randrange(1, 1000))] for _ in range(4)]
    outputs = [] if number else [Output("out", [1, 2], "AACAPwAAAEA=")]
    end_to_end, facts = [10**6] * 9, {"library": "x.so"}
    return Launch(
        cell, number, "ai-edge-litert", "2.3.0", "3.11.9", [0], 10**6, 10**6, 5, blocks, [], end_to_end,
        40.0, None, 5 * 10**7, outputs, facts,
    )  # fmt: skip


def stand_in(run: Run) -> Document:
    """A document without rows: what is derived is not at stake here."""
    return Document(
        schema=SCHEMA,
        run_id=run.header.run_id,
        finished_at=run.finished_at,
        interrupted=run.interrupted,
        models=run.models,
        variants=run.variants,
        devices=run.devices,
        cells=(),
    )


# In the process that kills


class Scene:
    """Folders and an environment for one run."""

    def __init__(self, folder: Path, of: str, arguments: str) -> None:
        self.of, self.results = of, folder / "results"
        self.locks, self.temporary = folder / "locks", folder / "tmp"
        self.token = uuid.uuid4().hex
        for made in (self.results, self.locks, self.temporary):
            made.mkdir(parents=True)
        seed = str(int(self.token, 16))
        self.arguments = ["run", "--results", str(self.results), "--quiet", *shlex.split(arguments)]
        written = {"writer": "record", "index": "index", "upgrade": "upgrade"}.get(of)
        self.child = ["qbench", *self.arguments] if written is None else [written, str(self.results), seed]

    def start(self) -> tuple[subprocess.Popen[bytes], int]:
        """The run, in a process group of its own, and the end of the pipe that it reports to."""
        reports, writing = os.pipe()
        environment = {
            **os.environ,
            REPORTS: str(writing),
            TOKEN: self.token,
            "QBENCH_LOCK_DIR": str(self.locks),
            "TMPDIR": str(self.temporary),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.kills", "--child", *self.child],
            env=environment,
            pass_fds=[writing],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        return process, reports

    def complaints(self, reported: set[str]) -> list[str]:
        """Everything that is not as it should be."""
        found = self._processes() + self._locks()
        read: set[str] = set()
        for folder in sorted(self.results.glob("[!.]*")):
            found += self._run(folder, read)
        found += self._index()
        found += [f"reported and lost: {line}" for line in sorted(reported - read)]
        return found + [f"left behind: {path}" for path in self.temporary.iterdir()]

    def _run(self, folder: Path, read: set[str]) -> list[str]:
        if not (folder / "events.jsonl").exists():  # killed while it made the files
            return [f"{path} was left" for path in folder.iterdir() if path.name not in RECORD]
        try:
            run = store.load(folder, self.results)
        except NothingPlannedError:
            return self._files(folder, RECORD)
        except ResultsError as error:
            return [str(error)]
        read |= {identity(run.header.run_id, c.cell.id, m) for c in run.cells for m in c.launches}
        damage = [*run.damage, *(line for cell in run.cells for line in cell.damage)]
        return damage + self._shown(run, folder) + self._files(folder, EXPORTED)

    def _index(self) -> list[str]:
        found: list[str] = []
        if self.of in ("index", "upgrade") and not using(self.results, Index.is_sound, found.append):
            found.append("the index is damaged")
        runs, cells = list_cells(self.results, RunFilter(), CellFilter(base=True), found.append)
        counts = Counter(cell.folder for cell in cells)
        wrong = [run for run in runs if counts[run.folder] != run.cells]
        return found + [f"{run.folder}: {counts[run.folder]} cells in the index" for run in wrong]

    def _shown(self, run: Run, folder: Path) -> list[str]:
        if self.of != "run":
            store.export_if_over(run, stand_in(run), folder)
            return []
        command = [sys.executable, "-c", QBENCH, "show", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return [] if done.returncode == 0 else [f"qbench show: {done.returncode}, {done.stderr.strip()}"]

    def _files(self, folder: Path, wanted: set[str]) -> list[str]:
        found = {path.name for path in folder.iterdir()}
        return [] if found == wanted else [f"{folder.name} holds {' '.join(sorted(found))}"]

    def _locks(self) -> list[str]:
        """Return the locks still held once their holders had the time to end."""
        end = time.monotonic() + GONE_S
        while (held := self._held()) and time.monotonic() < end:
            time.sleep(0.1)
        return held

    def _held(self) -> list[str]:
        held = []
        for path in [*self.locks.rglob("*"), *self.results.glob("*/events.jsonl")]:
            if path.is_file():
                with path.open("rb") as file:
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        held.append(f"locked: {path}")
        return held

    def _processes(self) -> list[str]:
        """Those of the run that are still alive once they had their time to notice."""
        end = time.monotonic() + GONE_S
        while (alive := list(self._alive())) and time.monotonic() < end:
            time.sleep(0.1)
        return [f"alive: {pid}" for pid in alive]

    def _alive(self) -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if f"{TOKEN}={self.token}".encode() in path.read_bytes():
                    found.append(path.parent.name)
            except OSError:  # it has ended, or is not ours
                continue
        return found


class Moment(NamedTuple):
    """When a run is killed: so many seconds after it has reported so many launches."""

    launches: int
    delay_s: float


def killed(scene: Scene, moment: Moment) -> set[str]:
    """The launches that a run had reported when it was killed."""
    process, reports = scene.start()
    with os.fdopen(reports) as file:
        seen = {file.readline().rstrip() for _ in range(moment.launches)}  # at its end nothing more comes
        try:
            process.wait(moment.delay_s)
            if scene.of != "run":
                sys.exit(f"{scene.of} ended by itself, with exit status {process.returncode}")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return (seen | set(file.read().splitlines())) - {""}


def whole(folder: Path, options: argparse.Namespace) -> Moment:
    """How many launches a run has that nobody kills, and about how long it takes. Also fills the cache."""
    if options.of != "run":
        return Moment(0, {"writer": 1.5, "index": 2.5, "upgrade": 4.0}[options.of])
    for number in range(2):
        scene = Scene(folder / f"whole-{number}", options.of, options.run)
        start = time.monotonic()
        reported = killed(scene, Moment(0, 600))
        longest = Moment(len(reported), time.monotonic() - start)
        if complaints := scene.complaints(reported):
            sys.exit("a run that nobody killed: " + "\n".join(complaints))
    return longest


def random_moment(longest: Moment, chance: random.Random) -> Moment:
    """Before the first launch, soon after one of them, or in what follows the last one."""
    launches = chance.randrange(longest.launches + 1)
    between = launches not in (0, longest.launches)
    return Moment(launches, chance.uniform(0, longest.delay_s / (10 if between else 1)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--of", choices=["run", "writer", "index", "upgrade"], default="run")
    parser.add_argument("--run", default=SMALL, metavar="ARGUMENTS", help=f"of qbench run, default: {SMALL}")
    options = parser.parse_args()
    chance, failed, launches, early = random.Random(options.seed), 0, 0, 0
    folder = Path(tempfile.mkdtemp(prefix="qbench-kills-"))
    try:
        longest = whole(folder, options)
        for number in range(options.count):
            scene = Scene(folder / str(number), options.of, options.run)
            moment = random_moment(longest, chance)
            reported = killed(scene, moment)
            complaints = scene.complaints(reported)
            launches, early = launches + len(reported), early + (not reported)
            failed += bool(complaints)
            for line in complaints:
                print(
                    f"kill {number}, {moment.delay_s:.2f} s after launch {moment.launches}: {line}",
                    flush=True,
                )
            if not complaints:
                shutil.rmtree(folder / str(number))
    finally:
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{options.count} kills ({early} before the first launch): "
        f"{launches} launches reported, {failed} kills with complaints"
        + (f"; see {folder}" if failed else "")
    )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        report_launches()
        if sys.argv[2] == "index":
            index_for_ever(Path(sys.argv[3]))
        elif sys.argv[2] == "upgrade":
            upgrade_for_ever(Path(sys.argv[3]))
        elif sys.argv[2] == "record":
            record_for_ever(Path(sys.argv[3]), int(sys.argv[4]))
        else:
            run_qbench(sys.argv[3:])
    else:
        main()
