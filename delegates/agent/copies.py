"""A copy of a model's file that a worker has for itself.

Where a file lies in memory, which all processes that map it share, makes a model some per cent faster or
slower on the CPU. Two files that are compared lie differently, and no number of launches shows that. With
copies of their own, launches lie differently as well, and their spread holds it.
"""

from __future__ import annotations

import os
import shutil
import tempfile


def own_copy(path: str) -> str:
    """Copy a file to memory, and return the path under which this process can open it until it ends.

    Where there is no memory file (before Python 3.8), it is a temporary file without a name.
    """
    if hasattr(os, "memfd_create"):
        copy = os.memfd_create("model")
    else:
        copy, name = tempfile.mkstemp()
        os.unlink(name)
    with open(path, "rb") as model, os.fdopen(copy, "wb", closefd=False) as file:
        shutil.copyfileobj(model, file, 1 << 20)
    return "/proc/self/fd/%d" % copy


def size_bytes(path: str) -> int:
    """Return the size of a file; 0 if it is gone, as its worker will say."""
    return os.path.getsize(path) if os.path.exists(path) else 0
