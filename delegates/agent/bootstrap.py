"""The first program on a machine: take its lock, check its files, receive missing ones, run the bundle.

Home sends the text of this file before anything else of qbench is on the machine, so it is self-contained:
standard library only, no relative imports. The process then becomes the bundle's conductor.

stdin   one line of JSON (the "order"); then, for each missing file, a line of JSON and the file's bytes.
        Empty lines are heartbeats of home.
stdout  the order's marker on a line of its own (login shells may print before it); then lines of JSON, the
        last of which is {"ready": true}, {"cleaned": …} or {"error": "…"}. Empty lines are heartbeats.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import runpy
import select
import signal
import stat
import sys
import time
from typing import IO, Any, Dict, Iterable, List, Optional, cast

_ORDER_S = 60  # within which home's order has to arrive
_TRY_AGAIN_S = 0.5  # between two tries to get the lock
_TELL_AGAIN_S = 10.0  # between two answers that name the holder of the lock
_BUSY_S = 2.0  # between two heartbeats while files are checked
_READ_BYTES = 1 << 16
_PIECE_BYTES = 1 << 19  # of a file: a heartbeat is sent after each
_FILES = "files"
_LOCK = "lock"


class Refused(Exception):
    """The order can't be carried out; the text tells the user why."""


def main() -> None:
    """Carry out the order on stdin. For "run", run the bundle in this process at the end."""
    signal.alarm(_ORDER_S)  # ends this process unless it is set again
    os.umask(0o077)
    order = json.loads(sys.stdin.buffer.readline().decode("ascii"))
    home = Home(order["quiet_s"])
    sys.stdout.write("\n" + order["marker"] + "\n")
    try:
        run_in = os.getcwd() if order["stay"] else None
        _enter(order["workdir"], order["named_by"])
        if run_in is not None:
            _check_above(os.getcwd(), order["named_by"])
        lock = _acquire_lock(order, home) if order["owner"] else None
        if order["do"] == "clean":
            _answer(cleaned=_remove(_stored()))
            return
        _complete_files(order, home, exclusive=lock is not None)
        _answer(ready=True, lock=_lock_owner() if lock is None else None)
    except Refused as error:
        _answer(error=str(error))
        return
    except OSError as error:
        _answer(error="%s: %s" % (error.filename or os.getcwd(), error.strerror))
        return
    signal.alarm(0)
    bundle = _path(order["bundle"])
    if run_in is not None:  # the user's relative paths start there
        bundle = os.path.abspath(bundle)
        os.chdir(run_in)
    runpy.run_path(bundle, run_name="__main__")


def _answer(**answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


class Home:
    """The other end of the link: watches for its heartbeats, and sends ours."""

    def __init__(self, quiet_s: int) -> None:
        """End this process if home sends no byte for `quiet_s` seconds (0: no limit)."""
        self._quiet_s = quiet_s
        self._told_at = time.monotonic()
        self.is_there()

    def is_there(self) -> None:
        """Note a sign of life from home: `quiet_s` starts anew."""
        signal.alarm(self._quiet_s)

    def wait(self, seconds: float) -> None:
        """Wait for some seconds, or until home sends a byte. Ends this process if home is gone."""
        if select.select([0], [], [], seconds)[0]:
            if not os.read(0, 1):
                raise SystemExit(1)
            self.is_there()

    def still_busy(self) -> None:
        """Receive and send heartbeats; to be called repeatedly during long work."""
        self.wait(0)
        if time.monotonic() - self._told_at >= _BUSY_S:
            self._told_at = time.monotonic()
            self.tell_busy()

    def tell_busy(self) -> None:
        """Send a heartbeat."""
        sys.stdout.write("\n")
        sys.stdout.flush()


# The folder


def _enter(workdir: Optional[str], named_by: str) -> None:
    """Create the folder if it is missing, and change to it. Raises Refused if others can write to it.

    From then on paths are relative to it, so that a folder above it may be renamed.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    # "board" keeps it apart from the cache of a qbench that runs on the board or shares its home folder.
    folder = workdir or os.path.join(cache, "qbench", "board")
    if not folder.startswith("~"):
        folder = os.path.join("~", folder)  # a login shell may have changed directory; no effect if absolute
    folder = os.path.expanduser(folder)
    try:
        os.makedirs(os.path.join(folder, _FILES), exist_ok=True)
        os.chdir(folder)
    except OSError as error:
        text = "%s cannot be used: %s; name another folder with %s"
        raise Refused(text % (folder, error.strerror, named_by)) from None
    for path in (".", _FILES):
        found, name = os.lstat(path), os.path.normpath(os.path.join(folder, path))
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise Refused("%s is not a folder of your own; name one with %s" % (name, named_by))
        if not _is_private(found):
            text = "%s can be written by others; chmod 700 it, or name a folder of your own with %s"
            raise Refused(text % (name, named_by))


def _check_above(folder: str, named_by: str) -> None:
    """Raise Refused if another user could replace `folder` or a folder above it."""
    above = os.path.dirname(folder)
    mode = os.stat(above).st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise Refused("%s can be written by others; name a folder elsewhere with %s" % (above, named_by))
    if above != folder:
        _check_above(above, named_by)


def _is_private(found: os.stat_result) -> bool:
    """Return whether only this user (and root) can change the file or folder."""
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


# The lock


def _acquire_lock(order: Dict[str, Any], home: Home) -> int:
    """Wait for the lock and hold it until this process ends. Raises Refused after `wait_s`."""
    lock = _open_lock(os.O_CREAT)
    started = time.monotonic()
    told_at: Optional[float] = None
    while not _try_lock(lock, fcntl.LOCK_EX):
        now = time.monotonic()
        owner = _read_owner(lock)
        # After a lost link, this run's previous agent holds it for a while, and then ends by itself.
        ours = owner.get("run") == order["owner"]["run"]
        if order["wait_s"] is not None and not ours and now - started >= order["wait_s"]:
            advice = "try again later" if order["do"] == "clean" else "--wait gives more time"
            raise Refused("it is in use by %s; %s" % (_describe(owner), advice))
        if told_at is None or now - told_at >= _TELL_AGAIN_S:
            told_at = now
            _answer(waiting=_describe(owner))
        home.wait(_TRY_AGAIN_S)
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps(dict(order["owner"], since=time.time())).encode("ascii"), 0)
    return lock


def _open_lock(flags: int = 0) -> int:
    """Open the lock file. Raises Refused if others can change it, OSError if it does not exist."""
    if not os.path.islink(_LOCK):
        lock = os.open(_LOCK, os.O_RDWR | flags, 0o600)
        found = os.fstat(lock)
        if stat.S_ISREG(found.st_mode) and _is_private(found):
            return lock
    raise Refused("%s is a link, or can be changed by others; remove it" % os.path.join(os.getcwd(), _LOCK))


def _try_lock(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_owner() -> Optional[str]:
    """Return a description of who holds the lock, or None if nobody does."""
    try:
        lock = _open_lock()
    except OSError:
        return None
    try:
        return None if _try_lock(lock, fcntl.LOCK_SH) else _describe(_read_owner(lock))
    finally:
        os.close(lock)


def _read_owner(lock: int) -> Dict[str, Any]:
    try:
        owner = json.loads(os.pread(lock, 4096, 0).decode("ascii"))
    except ValueError:  # it is being written
        return {}
    return owner if isinstance(owner, dict) else {}


def _describe(owner: Dict[str, Any]) -> str:
    since = owner.get("since")
    held = " for %d s" % max(0, time.time() - since) if isinstance(since, float) else ""
    return "%s (run %s)%s" % (owner.get("who", "someone"), owner.get("run", "unknown"), held)


# The files, each named by its SHA-256


def _path(sha256: str) -> str:
    return os.path.join(_FILES, sha256)


def _complete_files(order: Dict[str, Any], home: Home, exclusive: bool) -> None:
    """Ask home for the files of the order that are missing here or damaged, and store them."""
    wanted: Dict[str, int] = {file["sha256"]: file["size"] for file in order["files"]}
    kept = [sha256 for sha256 in wanted if os.path.lexists(_path(sha256))]
    damaged = [sha256 for sha256 in kept if not _is_whole(sha256, wanted[sha256], home)]
    missing = [sha256 for sha256 in wanted if sha256 not in kept or sha256 in damaged]
    if exclusive:
        _remove([_path(sha256) for sha256 in damaged])
        _make_room(wanted, sum(wanted[sha256] for sha256 in missing), order["keep_bytes"], order["named_by"])
    _answer(missing=missing, damaged=len(damaged))
    for sha256 in missing:
        _receive(sha256, wanted[sha256], home)


def _is_whole(sha256: str, size: int, home: Home) -> bool:
    """Return whether a file is intact and only this user can change it. Marks such a file as used now."""
    path, digest = _path(sha256), hashlib.sha256()
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or not _is_private(found) or found.st_size != size:
            return False
        with open(path, "rb") as file:
            for piece in iter(lambda: file.read(_PIECE_BYTES), b""):
                digest.update(piece)
                home.still_busy()
        os.utime(path)
    except OSError:  # a failing SD card can't be read
        return False
    return digest.hexdigest() == sha256


def _receive(sha256: str, size: int, home: Home) -> None:
    """Store the file that home sends next. It gets its final name once it is complete and synced."""
    line = b"\n"
    while line == b"\n":
        line = sys.stdin.buffer.readline()
    if not line or json.loads(line.decode("ascii")) != {"sha256": sha256}:
        raise Refused("home did not send what was asked for")
    part = "%s.%d.part" % (_path(sha256), os.getpid())
    digest = hashlib.sha256()
    try:
        with open(part, "wb") as file:
            while size:
                size -= _receive_piece(file, digest, min(size, _PIECE_BYTES), home)
        if digest.hexdigest() != sha256:
            raise Refused("a file was damaged on its way here")
        os.rename(part, _path(sha256))
    finally:
        if os.path.exists(part):
            os.remove(part)


def _receive_piece(file: IO[bytes], digest: Any, size: int, home: Home) -> int:
    """Write `size` bytes from home to the disk, with a heartbeat at the end. Returns `size`."""
    stdin = cast(io.BufferedReader, sys.stdin.buffer)
    missing = size
    while missing:
        data = stdin.read1(min(missing, _READ_BYTES))
        if not data:
            raise SystemExit(1)
        home.is_there()
        missing -= len(data)
        digest.update(data)
        file.write(data)
    file.flush()
    os.fsync(file.fileno())
    home.is_there()
    home.tell_busy()
    return size


# Room for them


def _make_room(wanted: Iterable[str], needed: int, keep_bytes: int, named_by: str) -> None:
    """Remove the least recently used files until `needed` bytes fit into `keep_bytes` and on the disk."""
    ours = {_path(sha256) for sha256 in wanted}
    _remove([path for path in _stored() if path.endswith(".part") and not _is_being_written(path)])
    old = [path for path in _stored() if path not in ours and not path.endswith(".part")]
    kept = sum(_size(path) for path in _stored())
    while old and (kept + needed > keep_bytes or _free() < needed):
        kept -= _remove([old.pop(0)])["bytes"]
    if _free() < needed:
        text = "%s has %d bytes free, %d are needed; make room or name another folder with %s"
        raise Refused(text % (os.getcwd(), _free(), needed, named_by))


def _stored() -> List[str]:
    """Return the paths of all stored files, the most recently used last."""
    paths = [os.path.join(_FILES, name) for name in os.listdir(_FILES)]
    return sorted(paths, key=_used_at)


def _is_being_written(part: str) -> bool:
    """Return whether the process that writes a partial file still runs: a probe writes without the lock."""
    try:
        os.kill(int(part.split(".")[-2]), 0)
    except (ValueError, OSError):
        return False
    return True


def _used_at(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:  # another agent has removed it
        return 0


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:  # as above
        return 0


def _free() -> int:
    disk = os.statvfs(".")
    return disk.f_bavail * disk.f_frsize


def _remove(paths: Iterable[str]) -> Dict[str, int]:
    """Remove files. Returns how many `files` and `bytes` were removed."""
    removed = {"files": 0, "bytes": 0}
    for path in paths:
        removed["bytes"] += _size(path)
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
        removed["files"] += 1
    return removed


if __name__ == "__main__":
    main()
