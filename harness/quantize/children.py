"""The converter's child processes: JSON lines in, JSON lines out, everything else captured."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

TIMEOUT_S = 1800.0  # nothing that a converter does in earnest takes longer
MEMORY_PER_CHILD = 3 << 29  # 1.5 GB: TensorFlow and a mobile model with its intermediate forms

Answer = dict[str, Any]  # {"ok": …}, or {"error": one line, "final": True where it judged the model}


class Child:
    """One converter process. Never raises for what happens in it: that is an answer."""

    def __init__(self, scratch: Path) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed in `close`)
        self._pending = b""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.quantize.converter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=_environment(scratch),
            start_new_session=True,  # Ctrl-C is ours to handle: a child that dies of it looks like a crash
        )

    def ask(self, request: Mapping[str, Any], timeout_s: float = TIMEOUT_S) -> Answer:
        """Send a request and wait for its answer; a crash or a timeout is an error answer, too."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: reading tells how
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        line = self._read_line(time.monotonic() + timeout_s)
        if line is None:
            return {"error": f"no answer from the converter for {timeout_s:.0f} s", "final": False}
        if not line:
            return {"error": self._how_it_died(), "final": False}
        answer: Answer = json.loads(line)
        return answer

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._stderr):
            if file is not None:
                with contextlib.suppress(BrokenPipeError):
                    file.close()

    def _read_line(self, deadline: float) -> bytes | None:
        """One line; empty at the end of the pipe, None (and a dead child) when the time is over."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._pending:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self._process.kill()
                    self._process.wait()
                    return None
                block = os.read(self._process.stdout.fileno(), 1 << 16)
                if not block:
                    return b""
                self._pending += block
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def _how_it_died(self) -> str:
        code = self._process.wait()
        how = f"of {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        if code == -signal.SIGKILL:
            how += ", as when the system has no memory left"
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").splitlines()
        said = next((s for line in reversed(lines) if (s := _error_part(line))), None)
        return f"the converter died {how}" + (f" ({said})" if said else "")


class Crew:
    """Children that work side by side, hired when there is work.

    `scratch` takes their temporary files: TensorFlow leaves some behind when it is killed.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self._all: list[Child] = []

    def hire(self, count: int) -> None:
        """Have `count` children at least; they import TensorFlow while others already work."""
        while len(self._all) < count:
            self._idle.put(self._start())

    def ask(self, request: Mapping[str, Any], timeout_s: float = TIMEOUT_S) -> Answer:
        """The answer of a child that is idle. One that died is replaced before its next request."""
        child = self._idle.get()
        try:
            if not child.alive:
                child = self._start()
            return child.ask(request, timeout_s)
        finally:
            self._idle.put(child)

    def run(self, jobs: Sequence[Callable[[], None]], done: Callable[[int], None]) -> None:
        """Run jobs that `ask`, as many at a time as there are children; `done` gets each index, here."""
        with ThreadPoolExecutor(len(self._all)) as pool:
            try:
                futures = {pool.submit(job): index for index, job in enumerate(jobs)}
                for future in as_completed(futures):
                    future.result()
                    done(futures[future])
            except BaseException:  # also Ctrl-C: what waits for a child gets its end at once
                pool.shutdown(wait=False, cancel_futures=True)
                self.dismiss()
                raise

    def _start(self) -> Child:
        child = Child(self._scratch)
        self._all.append(child)
        return child

    def dismiss(self) -> None:
        """End all children, whatever they do."""
        for child in self._all:
            child.close()


def how_many(tasks: int) -> int:
    """Children for so many tasks: one per core that we may use, fewer where memory is short."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(tasks, cores, _free_memory() // MEMORY_PER_CHILD))


def _free_memory() -> int:
    """Bytes that can be had without swapping (Linux: MemAvailable); a large number where nobody tells."""
    with contextlib.suppress(OSError), Path("/proc/meminfo").open() as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 1 << 40


def _environment(scratch: Path) -> dict[str, str]:
    """Modules as this process finds them, no GPU, little chatter, the same hash seed in every child."""
    path = [entry or str(Path.cwd()) for entry in sys.path]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "TMPDIR": str(scratch),
        "PYTHONHASHSEED": "0",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def _error_part(line: str) -> str | None:
    """What follows "error:" or an exception's name in a line of a dead child's last words."""
    _, found, rest = line.rpartition("error: ")
    if not found:
        head, found, rest = line.partition(": ")
        if not found or not head.endswith("Error"):
            return None
    return rest.strip()[:200] or None
