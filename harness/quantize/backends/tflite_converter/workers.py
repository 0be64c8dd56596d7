"""Start and stop converter processes, several side by side; one that dies is replaced."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

import harness
from delegates.probe.machine import available_memory_bytes
from harness.models.trees import OtherTree
from harness.processes import Exit, Process
from harness.quantize.backends.tflite_converter.messages import (
    Answer,
    Converted,
    Failed,
    Prepared,
    Request,
    decode_answer,
    encode,
)

TIMEOUT_S = 1800.0  # longer than any real conversion takes
KERAS_EXTRAS = ("sklearn", "pandas")  # Keras imports them for wrappers and data that no model file needs
MEMORY_PER_WORKER = 3 << 29  # 1.5 GB: TensorFlow and a mobile model with its intermediate forms

A = TypeVar("A", Prepared, Converted)


class Worker:
    """One converter process. If it fails or dies, the answer is `Failed`."""

    def __init__(self, scratch: Path, own_code: bool, tree: OtherTree | None = None) -> None:
        """scratch: the folder for its temporary files. own_code: it will run the user's code.

        tree: where that is imported from, if not from the working directory.
        """
        hidden = () if own_code else KERAS_EXTRAS
        command = [sys.executable, "-P", "-m", "harness.quantize.backends.tflite_converter.worker", *hidden]
        folder = None if tree is None else tree.folder
        self.process = Process(command, folder=folder, environment=_environment(scratch, tree))

    def ask(self, request: Request, timeout_s: float = TIMEOUT_S) -> Answer:
        """Send a request and return the answer: `Failed` if the process dies or takes too long."""
        with self.process.within(timeout_s):
            with contextlib.suppress(OSError):  # it died; `wait` tells how
                self.process.stdin.write(encode(request))
                self.process.stdin.flush()
            line = self.process.stdout.readline()
        return decode_answer(line) if line.endswith(b"\n") else Failed(self._how_it_ended())

    def stop(self) -> None:
        """Kill the process, unless it has ended."""
        if self.process.alive:
            self.process.kill()

    def _how_it_ended(self) -> str:
        end = self.process.wait()
        why = ", as when the system has no memory left" if _is_out_of_memory(end) else ""
        lines = self.process.errors().decode(errors="replace").splitlines()
        last = next((text for line in reversed(lines) if (text := _error_part(line))), None)
        return f"the converter {end}{why}" + (f" ({last})" if last else "")


class WorkerPool:
    """Several converter processes, started when there is work."""

    def __init__(self, scratch: Path, own_code: bool = False, tree: OtherTree | None = None) -> None:
        """scratch: the folder for temporary files: TensorFlow leaves some behind when it is killed.

        own_code: the workers will run the user's code, so they import all of Keras. tree: see Worker.
        """
        self._scratch, self._own_code, self._tree = scratch, own_code, tree
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._all: list[Worker] = []
        self._stopped = False

    def start(self, count: int) -> None:
        """Start workers until there are `count`; they import TensorFlow while others already work."""
        while len(self._all) < count:
            self._idle.put(self._started())

    def ask(self, request: Request, wanted: type[A]) -> A | Failed:
        """Send a request to an idle worker and return the answer. A worker that died is replaced first."""
        worker = self._idle.get()
        try:
            if not worker.process.alive and not self._stopped:
                worker = self._started()
            answer = worker.ask(request)
        finally:
            self._idle.put(worker)
        if isinstance(answer, (wanted, Failed)):
            return answer
        return Failed(f"the converter answered {type(answer).__name__.lower()}")

    def run(self, jobs: Sequence[Callable[[], None]], done: Callable[[int], None]) -> None:
        """Run jobs that `ask`, as many at a time as there are workers; `done` gets the index of each."""
        with ThreadPoolExecutor(len(self._all)) as pool:
            try:
                futures = {pool.submit(job): index for index, job in enumerate(jobs)}
                for future in as_completed(futures):
                    future.result()
                    done(futures[future])
            except BaseException:  # also Ctrl-C: killing the workers ends the jobs that wait for them
                pool.shutdown(wait=False, cancel_futures=True)
                self.close()
                raise

    def stop(self) -> None:
        """Let every answer, pending or asked for later, be `Failed`. Any thread may call it."""
        self._stopped = True
        for worker in list(self._all):
            worker.stop()

    def close(self) -> None:
        """Kill all workers."""
        for worker in self._all:
            worker.process.close()

    def _started(self) -> Worker:
        worker = Worker(self._scratch, self._own_code, self._tree)
        self._all.append(worker)
        if self._stopped:  # perhaps just before it was in the list
            worker.stop()
        return worker


def how_many(tasks: int) -> int:
    """Return the number of workers for some tasks: one per usable core, fewer if memory is short."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = available_memory_bytes()
    return max(1, min(tasks, cores, cores if memory is None else memory // MEMORY_PER_WORKER))


def _is_out_of_memory(end: Exit) -> bool:
    return end.signal == "SIGKILL" and end.late_s is None


def _environment(scratch: Path, tree: OtherTree | None) -> Mapping[str, str]:
    """Return the environment: this process's modules, no GPU, few log lines, a fixed hash seed."""
    path = [Path(entry or Path.cwd()) for entry in sys.path]
    if tree is not None:
        path = _moved(path, tree)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "TMPDIR": str(scratch),
        "PYTHONHASHSEED": "0",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def _moved(path: Sequence[Path], tree: OtherTree) -> list[Path]:
    """Return where modules are looked for: in `tree` instead of its original, where it has the folder.

    This program itself stays the same, even if it lies in the original.
    """
    own = Path(harness.__file__).parents[1]
    moved = [tree.counterpart(entry) for entry in path]
    others = [there if there and there.exists() else here for here, there in zip(path, moved, strict=True)]
    return [own, *others] if tree.counterpart(own) else others


def _error_part(line: str) -> str | None:
    """Return the text behind "error:" or an exception's name in a line of a dead worker's stderr."""
    _, found, rest = line.rpartition("error: ")
    if not found:
        head, found, rest = line.partition(": ")
        if not found or not head.endswith("Error"):
            return None
    return rest.strip()[:200] or None
