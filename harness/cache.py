"""The content-addressed cache: XDG cache folder, or QBENCH_CACHE. Safe with several qbench at once.

An entry is written to a temporary name and renamed, so that a reader sees all of it or nothing, and is
checked when read, so that a damaged one counts as missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import ModelError


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
    """SHA-256 of a file's content in hex. Raises ModelError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None


def key(**parts: Any) -> str:
    """SHA-256 of the parts, whatever their order."""
    return digest(json.dumps(parts, sort_keys=True).encode())


def write(path: Path, data: bytes) -> None:
    """Put `data` at `path`, all or nothing, under a temporary name of this process's own until whole.

    Raises ModelError where the cache cannot be written.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise unwritable(path.parent, error) from None


def unwritable(folder: Path, error: OSError) -> ModelError:
    """What to say when the cache does not take a file."""
    why = error.strerror or error
    return ModelError(f"cache {folder}: cannot be written: {why}; QBENCH_CACHE can name another folder")


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """`write` of a JSON object."""
    write(path, (json.dumps(record, indent=2, sort_keys=True) + "\n").encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object at `path`, or None where there is none that is whole."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
