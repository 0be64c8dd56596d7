"""Append the events of a run to its record while it runs."""

from __future__ import annotations

import io
import itertools
import json
import math
import shutil
import tempfile
import threading
import time
import uuid
import zlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from delegates.wire import Evaluated, Launch, Output
from harness.errors import ResultsError
from harness.record import Ended, Header, Run, events
from harness.record.plain import plain_struct
from harness.store.chunks import OUTPUTS, SAMPLES, pack_output, pack_samples
from harness.store.growing import EVENTS, NAMES, GrowingFiles, Piece
from harness.store.reader import read_files

_SYNC_S = 1.0  # at most so often: with many short launches, syncing each would take longer than the rest


def new_run_id(now: datetime | None = None) -> str:
    """Return a unique id that sorts by time: 20261121-054412-123-3f9c (UTC, ms, random)."""
    now = (now or datetime.now(UTC)).astimezone(UTC)
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}-{uuid.uuid4().hex[:4]}"


def create(results_dir: Path, header: Header) -> Writer:
    """Create the record of a new run. Raises ResultsError if the folder can't be written."""
    folder = results_dir / header.run_id
    try:
        files = GrowingFiles(folder)
        try:
            return Writer(files, header)
        except OSError:
            files.discard()
            raise
    except OSError as error:
        why = error.strerror or error
        raise ResultsError(
            f"cannot write results to {folder}: {why}; choose another folder with --results"
        ) from None


class Writer:
    """Appends the events of one run. Thread-safe.

    What can't be written stays in memory and is tried again with the next event; `problem` says why. What
    still can't be written at the end goes to a temporary folder, with a copy of the rest; `folder` is then
    that folder. Until `close` no other process exports the run. Events after `close` are dropped.
    """

    problem: str | None = None

    def __init__(self, files: GrowingFiles, header: Header) -> None:
        """Write the first event. Raises OSError if that fails."""
        self._files = files
        self._ends: Mapping[str, int] = dict.fromkeys(NAMES, 0)
        self._waiting: deque[Sequence[Piece]] = deque()
        self._unsynced: list[Sequence[Piece]] = []  # written, but perhaps not on the disk
        self._synced_s = -math.inf
        self._lock = threading.Lock()
        self._over = self._closed = False
        self._append(_Batch(self._ends), events.Started(events.SCHEMA, header))
        self._write()

    @property
    def folder(self) -> Path:
        """The folder of the record."""
        return self._files.folder

    def planned(self, planned: events.Planned) -> None:
        """Record the plan."""
        self._event(planned)

    def system_facts(self, facts: events.SystemFacts) -> None:
        """Record the facts of a machine."""
        self._event(facts)

    def launched(self, cell_id: str, launch: Launch) -> None:
        """Record a launch of a cell."""
        time_bytes, samples = pack_samples(launch)
        outputs = _packed(launch.outputs)
        bare = replace(launch, blocks_ns=[], cpu_time_ns=[], end_to_end_ns=[], outputs=[])
        with self._lock:
            batch = _Batch(self._ends)
            self._take(
                batch,
                events.Launched(
                    cell=cell_id,
                    launch=bare,
                    block_sizes=tuple(map(len, launch.blocks_ns)),
                    has_cpu_times=bool(launch.cpu_time_ns),
                    end_to_end=len(launch.end_to_end_ns),
                    time_bytes=time_bytes,
                    samples=batch.chunk(SAMPLES, samples),
                    outputs=batch.outputs(outputs),
                ),
            )

    def labelled(self, sha256: str, labels: Output) -> None:
        """Record the labels of the samples that variants are evaluated on. sha256: of both."""
        packed = _packed([labels])
        with self._lock:
            batch = _Batch(self._ends)
            self._take(batch, events.Labelled(sha256, batch.outputs(packed)[0]))

    def evaluated(self, part: Evaluated) -> None:
        """Record what was kept of some samples of a cell's evaluation."""
        packed = _packed(part.outputs)
        with self._lock:
            batch = _Batch(self._ends)
            self._take(batch, events.Evaluated(part.job, part.first, part.keep, batch.outputs(packed)))

    def ended(self, cell_id: str, how: Ended) -> None:
        """Record how a cell ended."""
        self._event(events.Ended(cell_id, how))

    def run(self) -> Run:
        """The run so far, also what could not be written. Raises ResultsError."""
        try:
            with self._lock:
                contents = self._files.contents()
                for piece in itertools.chain(*self._waiting):
                    contents[piece.name][piece.offset :] = piece.data
        except OSError as error:
            raise ResultsError(f"cannot read {self.folder}: {error.strerror or error}") from None
        return read_files(self.folder, lambda name: io.BytesIO(contents[name]))

    def lost(self, lost: events.Lost) -> None:
        """Record that a machine can no longer be reached."""
        self._event(lost)

    def finished(self, finished_at: str, interrupted: bool) -> None:
        """Record the end of the run. What can't be written goes to a temporary folder, with the rest."""
        with self._lock:
            self._take(_Batch(self._ends), events.Finished(finished_at, interrupted))
            self._try_to_write(sync=True)
            self._rescue()
            self._over = True
            if self.problem is None and not self._files.in_place:
                self.problem = (
                    f"{self.folder} has been moved: the run is where that folder is now;"
                    " `qbench show` of it writes its run.json"
                )

    def close(self) -> None:
        """Close the record, and let other processes export the run."""
        with self._lock:
            if self._closed:
                return
            if not self._over:
                self._try_to_write(sync=True)
                self._rescue()
            self._closed = True
            self._files.close()

    def discard(self) -> None:
        """Remove the folder of a run that ended before anything was measured."""
        with self._lock:
            self._closed = True
            self._files.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _event(self, event: events.Event) -> None:
        with self._lock:
            self._take(_Batch(self._ends), event)

    def _take(self, batch: _Batch, event: events.Event) -> None:
        if self._closed:
            return
        self._append(batch, event)
        self._try_to_write()

    def _try_to_write(self, sync: bool = False) -> None:
        try:
            self._write(sync)
            self.problem = None
        except OSError as error:
            why = error.strerror or error
            self.problem = f"cannot write results to {self.folder}: {why}; what was stored before is kept"

    def _append(self, batch: _Batch, event: events.Event) -> None:
        batch.add(EVENTS, _line(event))
        self._ends = batch.ends
        self._waiting.append(batch.pieces)

    def _write(self, sync: bool = False) -> None:
        """Write everything that waits, in order, and sync it if that is due. Raises OSError."""
        while self._waiting:
            self._files.write(self._waiting[0])
            self._unsynced.append(self._waiting.popleft())
        if sync or time.monotonic() >= self._synced_s + _SYNC_S:
            self._sync()

    def _sync(self) -> None:
        """Sync what was written. Raises OSError, and then all of it is written again the next time."""
        written, self._unsynced = self._unsynced, []
        try:
            self._files.sync()
        except OSError:
            self._waiting.extendleft(reversed(written))
            raise
        self._synced_s = time.monotonic()

    def _rescue(self) -> None:
        """Move the record to a temporary folder if something could not be written."""
        if not self._waiting:
            return
        try:
            spare = _spare(self._files, self._waiting)
        except OSError as error:
            why = error.strerror or error
            self.problem = f"{self.problem}; nor can a temporary folder take the run: {why}"
            return
        self._files.close()
        self._files = spare
        self._waiting.clear()
        self.problem = f"{self.problem}; everything measured is in {self.folder}"


def _spare(files: GrowingFiles, more: Iterable[Sequence[Piece]]) -> GrowingFiles:
    """Copy the record to a temporary folder and add what waits. Raises OSError, and then leaves nothing."""
    temporary, copy = Path(tempfile.mkdtemp(prefix="qbench-")), None
    try:
        copy = files.copied_to(temporary / files.folder.name)
        for pieces in more:
            copy.write(pieces)
        copy.sync()
    except OSError:
        if copy is not None:
            copy.close()
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return copy


class _Batch:
    """The pieces that one event appends, and the sizes of the files after it."""

    def __init__(self, ends: Mapping[str, int]) -> None:
        self.ends = dict(ends)
        self.pieces: list[Piece] = []

    def add(self, name: str, data: bytes) -> int:
        """Append bytes to a file, and return their offset."""
        offset = self.ends[name]
        self.pieces.append(Piece(name, offset, data))
        self.ends[name] += len(data)
        return offset

    def chunk(self, name: str, data: bytes) -> events.Chunk:
        """Append a chunk to a file, and return where it is."""
        return events.Chunk(self.add(name, data), len(data), zlib.crc32(data))

    def outputs(self, packed: Sequence[tuple[Output, bytes]]) -> tuple[events.StoredOutput, ...]:
        """Append the values of output tensors, and return where they are."""
        return tuple(
            events.StoredOutput(one.name, tuple(one.shape), one.subsampled, self.chunk(OUTPUTS, data))
            for one, data in packed
        )


def _packed(outputs: Iterable[Output]) -> list[tuple[Output, bytes]]:
    return [(output, pack_output(output)) for output in outputs]


def _line(event: events.Event) -> bytes:
    text = json.dumps(plain_struct(event), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"
