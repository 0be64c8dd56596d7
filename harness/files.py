"""Writing files so that a full disk, a kill or a power cut leaves what was there before."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, *, shared: bool = False) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` once all of it is on the disk. Raises OSError.

    Its name is that of `path` with ".tmp", so that the next writer clears away what a killed one left: only
    one may write at a time. With `shared` each writer has a name of its own, and several may write.
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
