"""The files of a record while a run appends to them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.store.chunks import OUTPUTS, SAMPLES

EVENTS = "events.jsonl"
NAMES = (SAMPLES, OUTPUTS, EVENTS)


@dataclass(frozen=True)
class Piece:
    """Bytes to append, with the file's name and its size before."""

    name: str
    offset: int
    data: bytes


class GrowingFiles:
    """The open files of a record, locked as long as they are open.

    The descriptors stay open, so the folder may be renamed meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        """Create the folder, which must not exist, and the files. Raises OSError, and then leaves nothing."""
        self.folder = folder
        self._open: dict[str, int] = {}
        self._unsynced = set(NAMES)
        folder.mkdir(parents=True)
        try:
            for name in NAMES:
                self._open[name] = _create(folder / name)
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(self._open[EVENTS], fcntl.LOCK_EX)
        except OSError:
            self.discard()
            raise

    def write(self, pieces: Sequence[Piece]) -> None:
        """Append all pieces or none. Raises OSError. Twice the same pieces have the same effect as once."""
        if not os.fstat(self._open[EVENTS]).st_nlink:
            raise OSError("the folder has been removed")
        try:
            for piece in pieces:
                self._unsynced.add(piece.name)
                _write(self._open[piece.name], piece)
        except BaseException:
            for piece in reversed(pieces):
                with contextlib.suppress(OSError):  # the next attempt overwrites it
                    os.ftruncate(self._open[piece.name], piece.offset)
            raise

    def sync(self) -> None:
        """Wait until all that was written is on the disk, chunks before events. Raises OSError."""
        for name in (name for name in NAMES if name in self._unsynced):
            os.fsync(self._open[name])
        self._unsynced.clear()

    @property
    def in_place(self) -> bool:
        """Whether the folder's name still leads to these files."""
        try:
            return os.path.samestat(os.fstat(self._open[EVENTS]), (self.folder / EVENTS).stat())
        except OSError:
            return False

    def contents(self) -> dict[str, bytearray]:
        """All that was written, by the files' names. Raises OSError."""
        return {name: bytearray(_whole(descriptor)) for name, descriptor in self._open.items()}

    def copied_to(self, folder: Path) -> GrowingFiles:
        """Copy everything that was written to another folder. Raises OSError."""
        copy = GrowingFiles(folder)
        try:
            for name, descriptor in self._open.items():
                with os.fdopen(os.dup(descriptor), "rb") as source, (folder / name).open("r+b") as target:
                    source.seek(0)
                    shutil.copyfileobj(source, target)
        except OSError:
            copy.close()
            raise
        return copy

    def close(self) -> None:
        """Close the files, and with them the lock."""
        opened, self._open = self._open, {}
        for descriptor in opened.values():
            os.close(descriptor)

    def discard(self) -> None:
        """Close the files and remove the folder."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _create(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def _whole(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read()


def _write(descriptor: int, piece: Piece) -> None:
    rest, offset = memoryview(piece.data), piece.offset
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
