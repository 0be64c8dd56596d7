"""Writing files so that a full disk, a kill or a power cut leaves what was there before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file for the new content of `path`, which it replaces once all of it is on the disk. Raises OSError.

    Its name is that of `path` with ".tmp", so that the next writer clears away what a killed one left: only
    one may write at a time.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def replace(path: Path, data: bytes) -> None:
    """Make `data` the content of `path`, all or nothing. Raises OSError."""
    with replacing(path) as file:
        file.write(data)
