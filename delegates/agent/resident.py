"""Give a forked worker the memory that a fresh one has.

A forked process lacks pages that belong to files, such as those of libraries, until it touches them. Without
them it would seem to need less memory, and opening a model would take longer.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any, List, Tuple

_PRESENT = 63  # a bit of a pagemap entry (Linux, Documentation/admin-guide/mm/pagemap.rst)
_ENTRY_BYTES = 8

# The start and end of a mapping, and the offsets in it of pages in memory (a numpy array).
Mapping = Tuple[int, int, Any]


def file_pages() -> List[Mapping]:
    """Return which pages of files this process has in memory. Raises OSError if the kernel does not tell."""
    import numpy as np

    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        lines = file.readlines()
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    found = []
    with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
        for line in lines:
            addresses, access, _, _, inode = line.split(None, 5)[:5]
            if inode == "0" or "r" not in access:
                continue
            start, end = (int(address, 16) for address in addresses.split("-"))
            at, size = (number // page_bytes * _ENTRY_BYTES for number in (start, end - start))
            entries = np.frombuffer(os.pread(pagemap.fileno(), size, at), np.uint64)
            offsets = np.flatnonzero(entries >> np.uint64(_PRESENT)) * page_bytes
            if len(offsets):
                found.append((start, end, offsets))
    return found


def touch(mappings: List[Mapping]) -> None:
    """Read a byte of each of these pages."""
    import numpy as np

    for start, end, offsets in mappings:
        memory: Any = (ctypes.c_char * (end - start)).from_address(start)
        np.frombuffer(memory, np.uint8)[offsets]
