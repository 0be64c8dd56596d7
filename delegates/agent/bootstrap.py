"""First steps on a machine: its lock, a check of the files kept there, the missing ones, then the bundle.

Home sends the text of this file (to a board over ssh) before anything else of ours is there, so it stands
alone: the standard library, no relative import, one process from here to the end of the run.

stdin: one line of JSON (an "order"), then for each missing file a line of JSON and its bytes; empty
lines only say that home is still there. stdout: the order's marker on a line of its own (whatever a login
shell prints comes before it), then lines of JSON, the last of which is {"ready": true}, {"cleaned": …} or
{"error": "…"}; empty lines say that this side is busy.
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

_FIRST_S = 60  # for home's order to come
_ASK_AGAIN_S = 0.5
_SAY_AGAIN_S = 10.0
_BUSY_S = 2.0  # while files are checked, home hears of us so often
_CHUNK_BYTES = 1 << 16
_PIECE_BYTES = 1 << 19
_FILES = "files"
_LOCK = "lock"


class Stop(Exception):
    """Why we can't go on, for the user."""


def main() -> None:
    signal.alarm(_FIRST_S)  # ends this process unless it is set again
    os.umask(0o077)
    order = json.loads(sys.stdin.buffer.readline().decode("ascii"))
    home = Home(order["quiet_s"])
    sys.stdout.write("\n" + order["marker"] + "\n")
    try:
        stay_in = os.getcwd() if order["stay"] else None
        _enter(order["workdir"], order["named_by"])
        if stay_in is not None:
            _check_above(os.getcwd(), order["named_by"])
        lock = _take_machine(order, home) if order["owner"] else None
        if order["do"] == "clean":
            _say(cleaned=_remove(_stored()))
            return
        _receive(order, home, exclusive=lock is not None)
        _say(ready=True, lock=_owner() if lock is None else None)
    except Stop as error:
        _say(error=str(error))
        return
    except OSError as error:
        _say(error="%s: %s" % (error.filename or os.getcwd(), error.strerror))
        return
    signal.alarm(0)
    bundle = _path(order["bundle"])
    if stay_in is not None:  # relative paths of the user's are those of where he is
        bundle = os.path.abspath(bundle)
        os.chdir(stay_in)
    runpy.run_path(bundle, run_name="__main__")


class Home:
    """The other end: whether it is still there, and that we are."""

    def __init__(self, quiet_s: int) -> None:
        """Without a byte from home for `quiet_s` (0: however long) the link is gone, and so are we."""
        self._quiet_s = quiet_s
        self._said = time.monotonic()
        self.is_there()

    def is_there(self) -> None:
        signal.alarm(self._quiet_s)

    def listen(self, seconds: float) -> None:
        """Wait; home's empty lines mean that it is still there, the end of stdin that it is not."""
        if select.select([0], [], [], seconds)[0]:
            if not os.read(0, 1):
                raise SystemExit(1)
            self.is_there()

    def busy(self) -> None:
        """Tell the other side that we are here, and listen for it; called while something takes long."""
        self.listen(0)
        if time.monotonic() - self._said >= _BUSY_S:
            self._said = time.monotonic()
            self.say_busy()

    def say_busy(self) -> None:
        sys.stdout.write("\n")
        sys.stdout.flush()


def _say(**answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _enter(workdir: Optional[str], named_by: str) -> None:
    """Make the folder where it is missing, and go there, if it and what it holds is the user's alone.

    From then on paths are relative to it: who may rename a folder above it changes nothing for us.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    # Not the cache of a qbench that runs there itself, or that shares the home folder with the board.
    folder = workdir or os.path.join(cache, "qbench", "board")
    if not folder.startswith("~"):
        folder = os.path.join("~", folder)  # a login shell may have gone elsewhere; an absolute one stays
    folder = os.path.expanduser(folder)
    try:
        os.makedirs(os.path.join(folder, _FILES), exist_ok=True)
        os.chdir(folder)
    except OSError as error:
        text = "%s cannot be used: %s; name another folder with %s"
        raise Stop(text % (folder, error.strerror, named_by)) from None
    for path in (".", _FILES):
        found, name = os.lstat(path), os.path.normpath(os.path.join(folder, path))
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise Stop("%s is not a folder of your own; name one with %s" % (name, named_by))
        if not _is_private(found):
            text = "%s can be written by others; chmod 700 it, or name a folder of your own with %s"
            raise Stop(text % (name, named_by))


def _check_above(folder: str, named_by: str) -> None:
    """Raise Stop where somebody else could put another folder in the place of `folder`."""
    above = os.path.dirname(folder)
    mode = os.stat(above).st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise Stop("%s can be written by others; name a folder elsewhere with %s" % (above, named_by))
    if above != folder:
        _check_above(above, named_by)


def _is_private(found: os.stat_result) -> bool:
    """True where nobody but us (and root) can change it."""
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _take_machine(order: Dict[str, Any], home: Home) -> int:
    """Hold the lock until this process ends, however that comes. Raises Stop when it takes too long."""
    lock = _open_lock(os.O_CREAT)
    started, said = time.monotonic(), None  # type: float, Optional[float]
    while not _try(lock, fcntl.LOCK_EX):
        now = time.monotonic()
        owner = _read_owner(lock)
        # Our own run holds it for a while after a link was lost: that is no one to be impatient with.
        ours = owner.get("run") == order["owner"]["run"]
        if order["wait_s"] is not None and not ours and now - started >= order["wait_s"]:
            advice = "try again later" if order["do"] == "clean" else "--wait gives more time"
            raise Stop("it is in use by %s; %s" % (_words(owner), advice))
        if said is None or now - said >= _SAY_AGAIN_S:
            said = now
            _say(waiting=_words(owner))
        home.listen(_ASK_AGAIN_S)
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps(dict(order["owner"], since=time.time())).encode("ascii"), 0)
    return lock


def _open_lock(flags: int = 0) -> int:
    """Raises Stop for a file that somebody else has put there, OSError where there is none."""
    if not os.path.islink(_LOCK):
        lock = os.open(_LOCK, os.O_RDWR | flags, 0o600)
        found = os.fstat(lock)
        if stat.S_ISREG(found.st_mode) and _is_private(found):
            return lock
    raise Stop("%s is a link, or can be changed by others; remove it" % os.path.join(os.getcwd(), _LOCK))


def _try(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner() -> Optional[str]:
    """Who holds the lock, in words, or None."""
    try:
        lock = _open_lock()
    except OSError:
        return None
    try:
        return None if _try(lock, fcntl.LOCK_SH) else _words(_read_owner(lock))
    finally:
        os.close(lock)


def _read_owner(lock: int) -> Dict[str, Any]:
    try:
        owner = json.loads(os.pread(lock, 4096, 0).decode("ascii"))
    except ValueError:  # caught while it was being written
        return {}
    return owner if isinstance(owner, dict) else {}


def _words(owner: Dict[str, Any]) -> str:
    since = owner.get("since")
    held = " for %d s" % max(0, time.time() - since) if isinstance(since, float) else ""
    return "%s (run %s)%s" % (owner.get("who", "someone"), owner.get("run", "unknown"), held)


def _path(sha256: str) -> str:
    return os.path.join(_FILES, sha256)


def _receive(order: Dict[str, Any], home: Home, exclusive: bool) -> None:
    """Ask for the files that are not here, or not as they were sent, and take them in."""
    wanted = {file["sha256"]: file["size"] for file in order["files"]}  # type: Dict[str, int]
    kept = [sha256 for sha256 in wanted if os.path.lexists(_path(sha256))]
    damaged = [sha256 for sha256 in kept if not _use(sha256, wanted[sha256], home)]
    missing = [sha256 for sha256 in wanted if sha256 not in kept or sha256 in damaged]
    if exclusive:
        _remove([_path(sha256) for sha256 in damaged])
        _make_room(wanted, sum(wanted[sha256] for sha256 in missing), order["keep_bytes"], order["named_by"])
    _say(missing=missing, damaged=len(damaged))
    for sha256 in missing:
        _store(sha256, wanted[sha256], home)


def _use(sha256: str, size: int, home: Home) -> bool:
    """True where the file is whole, by its content, and ours alone; it then counts as used now."""
    path, digest = _path(sha256), hashlib.sha256()
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or not _is_private(found) or found.st_size != size:
            return False
        with open(path, "rb") as file:
            for piece in iter(lambda: file.read(_PIECE_BYTES), b""):
                digest.update(piece)
                home.busy()
        os.utime(path)
    except OSError:  # a card that fails can't be read
        return False
    return digest.hexdigest() == sha256


def _stored() -> List[str]:
    """Everything in our folder, what was used last at the end."""
    paths = [os.path.join(_FILES, name) for name in os.listdir(_FILES)]
    return sorted(paths, key=_used_at)


def _used_at(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:  # another process of ours was faster
        return 0


def _make_room(wanted: Iterable[str], needed: int, keep_bytes: int, named_by: str) -> None:
    """Remove what was not used for longest until the rest fits `keep_bytes` and the disk has room."""
    ours = {_path(sha256) for sha256 in wanted}
    _remove([path for path in _stored() if path.endswith(".part") and not _is_coming(path)])
    old = [path for path in _stored() if path not in ours and not path.endswith(".part")]
    kept = sum(_size(path) for path in _stored())
    while old and (kept + needed > keep_bytes or _free() < needed):
        kept -= _remove([old.pop(0)])["bytes"]
    if _free() < needed:
        text = "%s has %d bytes free, %d are needed; make room or name another folder with %s"
        raise Stop(text % (os.getcwd(), _free(), needed, named_by))


def _is_coming(part: str) -> bool:
    """Whether the process that writes this part of a file is still there; it needs no lock for that."""
    try:
        os.kill(int(part.split(".")[-2]), 0)
    except (ValueError, OSError):
        return False
    return True


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:  # as above
        return 0


def _free() -> int:
    disk = os.statvfs(".")
    return disk.f_bavail * disk.f_frsize


def _remove(paths: Iterable[str]) -> Dict[str, int]:
    found = {"files": 0, "bytes": 0}
    for path in paths:
        found["bytes"] += _size(path)
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
        found["files"] += 1
    return found


def _read_some(most: int) -> bytes:
    """What has come, up to `most` bytes; the buffer may hold some already."""
    stdin = cast(io.BufferedReader, sys.stdin.buffer)
    return stdin.read1(most)


def _take_in(file: IO[bytes], digest: Any, size: int, home: Home) -> int:
    """Read `size` bytes and have them on the disk."""
    left = size
    while left:
        data = _read_some(min(left, _CHUNK_BYTES))
        if not data:
            raise SystemExit(1)
        home.is_there()
        left -= len(data)
        digest.update(data)
        file.write(data)
    file.flush()
    os.fsync(file.fileno())
    home.is_there()
    home.say_busy()
    return size


def _store(sha256: str, size: int, home: Home) -> None:
    """Take `size` bytes; only what has the right SHA-256 gets its name, when it is on the disk."""
    line = b"\n"
    while line == b"\n":
        line = sys.stdin.buffer.readline()
    if not line or json.loads(line.decode("ascii")) != {"sha256": sha256}:
        raise Stop("home did not send what was asked for")
    part = "%s.%d.part" % (_path(sha256), os.getpid())
    digest = hashlib.sha256()
    try:
        with open(part, "wb") as file:
            while size:
                # In pieces that a slow card takes in time; home hears of each that we are at it.
                size -= _take_in(file, digest, min(size, _PIECE_BYTES), home)
        if digest.hexdigest() != sha256:
            raise Stop("a file was damaged on its way here")
        os.rename(part, _path(sha256))
    finally:
        if os.path.exists(part):
            os.remove(part)


if __name__ == "__main__":
    main()
