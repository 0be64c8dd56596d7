"""Where the index is, and what to do if it is damaged or can't be written."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from harness.cache import default_cache, digest
from harness.store.index.tables import Index

FILE = ".qbench-index-3.sqlite"  # the number is raised if the tables or the entries change
EARLIER = (".qbench-index-1.sqlite", ".qbench-index-2.sqlite")  # of older qbench
Note = Callable[[str], None]
T = TypeVar("T")

_BUSY_S = 10.0  # the longest wait for other qbench; a write takes milliseconds
_DAMAGED = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def using(results: Path, use: Callable[[Index], T], note: Note) -> T:
    """Call `use` with the index of a folder of runs, and return its result.

    If the folder can't be written, the index is in the cache, and if that can't be either, in memory. A
    damaged index is removed, and `note` is told. `use` is then called again, with another index.
    """
    for path in _places(results):
        for damaged_before in (False, True):
            try:
                with _opened(path) as index:
                    return use(index)
            except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
                if damaged_before or not _is_damage(error):
                    break  # somebody else is busy with it, the disk is full or read-only
                note(f"the index {path} is damaged; it is made again")
                if not _removed(path):
                    break
            except OSError:
                break
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        return use(Index(connection))


def exists(results: Path) -> bool:
    """Return whether the index of a folder of runs has been made."""
    return any(path.exists() for path in _places(results))


def _places(results: Path) -> Iterator[Path]:
    """Yield where the index may be written, the best first."""
    path = results / FILE
    if os.access(results, os.W_OK) and (os.access(path, os.W_OK) or not path.exists()):
        yield path
    elif results.exists():
        yield default_cache() / "index" / digest(os.fsencode(results.resolve())) / FILE


@contextmanager
def _opened(path: Path) -> Iterator[Index]:
    """Open an index that nobody removes meanwhile. Raises sqlite3.DatabaseError or OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with _locked(path.parent, fcntl.LOCK_SH), closing(_connect(path)) as connection:
        yield Index(connection)
    if new:
        with suppress(OSError):
            _remove(path.with_name(name) for name in EARLIER)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """Hold a lock on a folder, where the file system has locks. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        until = time.monotonic() + _BUSY_S
        while not _lock(descriptor, how):
            if time.monotonic() > until:
                raise TimeoutError(f"{folder} is locked")
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, how: int) -> bool:
    """Take a lock; False if somebody else has it."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems have no locks
        return True
    return True


def _is_damage(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, msgspec.MsgspecError) or (code is not None and code & 0xFF in _DAMAGED)


def _removed(path: Path) -> bool:
    """Remove a damaged index once nobody uses it, unless another process has done so already.

    Returns False if it stays.
    """
    try:
        with _locked(path.parent, fcntl.LOCK_EX):
            if _damaged(path):
                _remove([path])
    except OSError:
        return False
    return True


def _remove(paths: Iterable[Path]) -> None:
    """Remove indexes, each after its journal. Raises OSError."""
    for path in paths:
        path.with_name(path.name + "-journal").unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _damaged(path: Path) -> bool:
    """Return whether all of an index can't be read."""
    try:
        with closing(_connect(path)) as connection:
            return not Index(connection).is_sound()
    except sqlite3.DatabaseError:
        return True
