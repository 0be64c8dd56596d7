"""Writing files so that a full disk, a kill or a power cut leaves what was there before."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of the file's content, all or nothing. Raises OSError."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def append(pieces: Mapping[Path, bytes]) -> None:
    """Append to several files, to all of them or to none. Raises OSError."""
    sizes = {path: path.stat().st_size if path.exists() else 0 for path in pieces}
    try:
        for path, data in pieces.items():
            with path.open("ab") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
    except BaseException:
        for path, size in sizes.items():
            if path.exists():
                os.truncate(path, size)
        raise
