"""First steps on a board: its lock, the files that are missing, then the bundle.

Home sends the text of this file over ssh before anything else of ours is there, so it stands alone: the
standard library, no relative import, one process from here to the end of the run.

stdin: one line of JSON (an "order"), then for each missing file a line of JSON and its bytes; empty
lines only say that home is still there. stdout: the order's marker on a line of its own (whatever a login
shell prints comes before it), then lines of JSON, the last of which is {"ready": true}, {"cleaned": …} or
{"error": "…"}.
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

QUIET_S = 60  # without a byte from home for so long, the link is gone and so are we
_ASK_AGAIN_S = 0.5
_SAY_AGAIN_S = 10.0
_CHUNK_BYTES = 1 << 16
_PIECE_BYTES = 1 << 19
_FILES = "files"
_LOCK = "lock"


class Stop(Exception):
    """Why we can't go on, for the user."""


def main() -> None:
    signal.alarm(QUIET_S)  # ends this process unless it is set again
    os.umask(0o077)
    order = json.loads(sys.stdin.buffer.readline().decode("ascii"))
    sys.stdout.write("\n" + order["marker"] + "\n")
    try:
        _enter(order["workdir"])
        lock = _take_board(order) if order["owner"] else None
        if order["do"] == "clean":
            _say(cleaned=_remove(_stored()))
            return
        _receive(order, exclusive=lock is not None)
    except Stop as error:
        _say(error=str(error))
        return
    except OSError as error:
        _say(error="%s: %s" % (error.filename or os.getcwd(), error.strerror))
        return
    _say(ready=True, lock=_owner() if lock is None else None)
    signal.alarm(0)
    runpy.run_path(_path(order["bundle"]), run_name="__main__")


def _say(**answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _enter(workdir: Optional[str]) -> None:
    """Make the folder where it is missing, private to the user, and go there."""
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
        text = "%s cannot be used: %s; name another folder with workdir"
        raise Stop(text % (folder, error.strerror)) from None
    found = os.stat(".")
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Stop("%s can be written by others; name a folder of your own with workdir" % folder)


def _take_board(order: Dict[str, Any]) -> int:
    """Hold the lock until this process ends, however that comes. Raises Stop when it takes too long."""
    lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
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
        _listen(_ASK_AGAIN_S)
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps(dict(order["owner"], since=time.time())).encode("ascii"), 0)
    return lock


def _try(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _listen(seconds: float) -> None:
    """Wait; home's empty lines mean that it is still there, the end of stdin that it is not."""
    if select.select([0], [], [], seconds)[0]:
        if not os.read(0, 1):
            raise SystemExit(1)
        signal.alarm(QUIET_S)


def _owner() -> Optional[str]:
    """Who holds the lock, in words, or None."""
    try:
        lock = os.open(_LOCK, os.O_RDWR)
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


def _receive(order: Dict[str, Any], exclusive: bool) -> None:
    """Ask for the files that are not here yet and take them in."""
    wanted = {file["sha256"]: file["size"] for file in order["files"]}  # type: Dict[str, int]
    missing = [sha256 for sha256, size in wanted.items() if not _use(sha256, size)]
    if exclusive:
        _make_room(wanted, sum(wanted[sha256] for sha256 in missing), order["keep_bytes"])
    _say(missing=missing)
    for sha256 in missing:
        _store(sha256, wanted[sha256])


def _use(sha256: str, size: int) -> bool:
    """Whether the file is here, whole; if so it counts as used now."""
    try:
        if os.stat(_path(sha256)).st_size != size:
            return False
        os.utime(_path(sha256))
    except OSError:
        return False
    return True


def _stored() -> List[str]:
    """Everything in our folder, what was used last at the end."""
    paths = [os.path.join(_FILES, name) for name in os.listdir(_FILES)]
    return sorted(paths, key=_used_at)


def _used_at(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:  # another process of ours was faster
        return 0


def _make_room(wanted: Iterable[str], needed: int, keep_bytes: int) -> None:
    """Remove what was not used for longest until the rest fits `keep_bytes` and the disk has room."""
    ours = {_path(sha256) for sha256 in wanted}
    _remove([path for path in _stored() if path.endswith(".part") and not _is_coming(path)])
    old = [path for path in _stored() if path not in ours and not path.endswith(".part")]
    kept = sum(_size(path) for path in _stored())
    while old and (kept + needed > keep_bytes or _free() < needed):
        kept -= _remove([old.pop(0)])["bytes"]
    if _free() < needed:
        text = "%s has %d bytes free, %d are needed; make room or name another folder with workdir"
        raise Stop(text % (os.getcwd(), _free(), needed))


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


def _take_in(file: IO[bytes], digest: Any, size: int) -> int:
    """Read `size` bytes and have them on the disk."""
    left = size
    while left:
        data = _read_some(min(left, _CHUNK_BYTES))
        if not data:
            raise SystemExit(1)
        signal.alarm(QUIET_S)
        left -= len(data)
        digest.update(data)
        file.write(data)
    file.flush()
    os.fsync(file.fileno())
    signal.alarm(QUIET_S)
    sys.stdout.write("\n")
    sys.stdout.flush()
    return size


def _store(sha256: str, size: int) -> None:
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
                size -= _take_in(file, digest, min(size, _PIECE_BYTES))
        if digest.hexdigest() != sha256:
            raise Stop("a file was damaged on its way to the board")
        os.rename(part, _path(sha256))
    finally:
        if os.path.exists(part):
            os.remove(part)


if __name__ == "__main__":
    main()
