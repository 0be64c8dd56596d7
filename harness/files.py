"""Read and write files. A full disk, a kill or a power cut during a write leaves the old content."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from harness.errors import ModelError


def read(path: Path) -> bytes:
    """Read a model or a data file. Raises ModelError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None


@contextmanager
def replacing(path: Path, *, shared: bool = False) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` once all of it is on the disk. Raises OSError.

    The temporary file has the name of `path` with ".tmp": the next writer overwrites what a killed one left,
    but only one may write at a time. With `shared`, each writer has its own temporary file.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with _unique(path.parent) if shared else temporary.open("wb") as file:
            temporary = Path(file.name)
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def replace(path: Path, data: bytes, *, shared: bool = False) -> None:
    """Make `data` the content of `path`, all or nothing; see `replacing`. Raises OSError."""
    with replacing(path, shared=shared) as file:
        file.write(data)


def _unique(folder: Path) -> BinaryIO:
    """Create a hidden file that nobody else may read until it is complete."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".")
    os.close(handle)
    return Path(name).open("wb")
