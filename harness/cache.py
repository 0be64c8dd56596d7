"""The cache: the XDG cache folder, or QBENCH_CACHE. Several qbench may use it at once; see docs/cache.md.

It holds files and records. A file is named by its content (`put`, `get`) or has content that is known
beforehand (`keep`). A record is a JSON object with a checksum (`write_record`, `read_record`); it refers to
files by their SHA-256. Every entry is written under a temporary name and renamed once it is on the disk.
Every entry is checked when it is read: a damaged one counts as missing and is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import TypeVar

import msgspec

from harness import files
from harness.errors import ModelError

KEEP_BYTES = 2 << 30  # for copies of the user's files, which can be copied again
IN_USE_S = 24 * 3600.0  # an entry that was used more recently may be in use by a run
_FORM = 1  # version of the record format
_BLOCK_BYTES = 1 << 20
T = TypeVar("T")


def default_cache() -> Path:
    """Return the folder named by QBENCH_CACHE, else the user's cache folder for qbench."""
    if named := os.environ.get("QBENCH_CACHE"):
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("qbench")


def digest(data: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's content in hex. Raises ModelError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None


def key(**parts: object) -> str:
    """Return the SHA-256 of the parts; their order does not matter."""
    return digest(json.dumps(parts, sort_keys=True).encode())


def put(folder: Path, data: bytes, suffix: str) -> Path:
    """Store `data` in `folder` under its SHA-256 and return the path. Raises ModelError."""
    return keep(folder / f"{digest(data)}{suffix}", data)


def get(folder: Path, sha256: str, suffix: str) -> Path | None:
    """Return the path of a content that `put` stored; None if it is missing or damaged."""
    path = folder / f"{sha256}{suffix}"
    try:
        return path if digest_file(path) == sha256 else None
    except ModelError:
        return None


def keep(path: Path, data: bytes) -> Path:
    """Write `data` to `path` unless it is there already, and return `path`. Raises ModelError."""
    if _holds(path, data):
        with contextlib.suppress(OSError):  # the cache may be read-only
            os.utime(path)
    else:
        write(path, data)
    return path


def _holds(path: Path, data: bytes) -> bool:
    same = 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                if block != data[same : same + len(block)]:
                    return False
                same += len(block)
    except OSError:
        return False
    return same == len(data)


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path`, all or nothing; several processes may do so at once.

    Raises ModelError if the cache cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, data, shared=True)
    except OSError as error:
        why = error.strerror or error
        raise ModelError(
            f"cache {path.parent}: cannot be written: {why}; QBENCH_CACHE can name another folder"
        ) from None


def write_record(path: Path, content: msgspec.Struct) -> None:
    """Write a struct as a JSON object with a checksum. Raises ModelError if the cache cannot be written."""
    payload = msgspec.to_builtins(content)
    record = {"payload": payload, "sha256": _checksum(path, payload)}
    write(path, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())


def read_record(path: Path, kind: type[T]) -> T | None:
    """Return the struct that `write_record` wrote; None if it is missing, damaged or of another type."""
    try:
        record = json.loads(path.read_bytes())
        payload = record["payload"]
        if record["sha256"] != _checksum(path, payload):
            return None
        return msgspec.convert(payload, kind)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # msgspec's are ValueErrors
        return None


def _checksum(path: Path, payload: object) -> str:
    """Return the checksum of a record; the file name is part of it, so that a misplaced copy is detected."""
    return key(form=_FORM, name=path.name, payload=payload)


def prune(folder: Path, keep_bytes: int = KEEP_BYTES, in_use_s: float = IN_USE_S) -> None:
    """Remove the least recently used files until `folder` holds at most `keep_bytes`.

    Files that were used in the last `in_use_s` seconds stay, however large they are.
    """
    limit = time.time() - in_use_s
    found = []
    with contextlib.suppress(OSError):  # another qbench may be doing the same; the next run continues
        found = sorted((s.st_mtime, s.st_size, path) for path in folder.iterdir() if (s := path.stat()))
    total = sum(size for _, size, _ in found)
    for used, size, path in found:
        if total <= keep_bytes or used > limit:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
