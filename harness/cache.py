"""The cache: XDG cache folder, or QBENCH_CACHE. Safe with several qbench at once; see docs/cache.md.

It holds two kinds of entries. A file's content is known beforehand (`keep`), or names it (`put`, `get`). A
record is a JSON object with its own checksum (`write_record`, `read_record`); it names files by their
SHA-256. Every entry is written to a temporary name and renamed once it is on the disk, and compared with
what it should be whenever it is read: one that is damaged counts as missing, and is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from harness import files
from harness.errors import ModelError

KEEP_BYTES = 2 << 30  # of copies of the user's files, which can be copied again
IN_USE_S = 24 * 3600.0  # what was used so recently may be in use by a run
_FORM = 1  # of records: raised whenever they would be read otherwise
_BLOCK_BYTES = 1 << 20
T = TypeVar("T")

JsonObject = Mapping[str, Any]
"""What a record holds."""


def default_cache() -> Path:
    """The folder named by QBENCH_CACHE, else the user's cache folder for qbench."""
    if named := os.environ.get("QBENCH_CACHE"):
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("qbench")


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's content in hex. Raises ModelError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None


def key(**parts: object) -> str:
    """SHA-256 of the parts, whatever their order."""
    return digest(json.dumps(parts, sort_keys=True).encode())


def put(folder: Path, data: bytes, suffix: str) -> Path:
    """The file of this content in `folder`, named by its SHA-256, whole. Raises ModelError."""
    return keep(folder / f"{digest(data)}{suffix}", data)


def get(folder: Path, sha256: str, suffix: str) -> Path | None:
    """The file that `put` made of a content, or None if there is none that is whole."""
    path = folder / f"{sha256}{suffix}"
    try:
        return path if digest_file(path) == sha256 else None
    except ModelError:
        return None


def keep(path: Path, data: bytes) -> Path:
    """`path`, which holds `data`: as it is there already, else written. Raises ModelError."""
    if _holds(path, data):
        with contextlib.suppress(OSError):  # a cache that may only be read
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
    """Put `data` at `path`, all or nothing; several may do so at once.

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


def write_record(path: Path, payload: JsonObject) -> None:
    """`write` of a JSON object with its checksum."""
    record = {"payload": payload, "sha256": _checksum(path, payload)}
    write(path, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())


def read_record(path: Path) -> JsonObject | None:
    """The object that `write_record` was given, or None if nothing whole is there."""
    try:
        record = json.loads(path.read_bytes())
        payload = record["payload"]
        whole = record["sha256"] == _checksum(path, payload)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return payload if whole and isinstance(payload, dict) else None


def read_typed(path: Path, kind: type[T]) -> T | None:
    """`read_record` as a struct; None, too, for an object that does not fit."""
    payload = read_record(path)
    try:
        return None if payload is None else msgspec.convert(payload, kind)
    except msgspec.ValidationError:
        return None


def _checksum(path: Path, payload: object) -> str:
    """The name counts: a record that was copied over another one is not that one."""
    return key(form=_FORM, name=path.name, payload=payload)


def prune(folder: Path, keep_bytes: int = KEEP_BYTES, in_use_s: float = IN_USE_S) -> None:
    """Remove what `keep` has not returned for longest, until `folder` holds at most `keep_bytes`.

    What it returned in the last `in_use_s` seconds stays, however much that is.
    """
    limit = time.time() - in_use_s
    found = []
    with contextlib.suppress(OSError):  # another qbench may do the same; the next run goes on
        found = sorted((s.st_mtime, s.st_size, path) for path in folder.iterdir() if (s := path.stat()))
    total = sum(size for _, size, _ in found)
    for used, size, path in found:
        if total <= keep_bytes or used > limit:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
