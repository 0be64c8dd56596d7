"""This process and its machine: affinity, memory, lifetime. On other systems than Linux mostly a no-op."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import List, Optional

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def adopt_orphans() -> bool:
    """Ask the kernel for the descendants of this process that lose their parents. Return whether it will."""
    linux = sys.platform.startswith("linux")
    return linux and ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1) == 0


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends, however that ends."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def first_to_go() -> None:
    """Ask the kernel to take this process first when memory runs out, not the user's shell."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        pass


def pin(cpus: Optional[List[int]]) -> None:
    """Keep this process and the threads it will start on `cpus`, if the platform can.

    Raises ValueError for a CPU that this process may not use; it names those it may.
    """
    if cpus and hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if not set(cpus) <= set(allowed):
            raise ValueError("affinity %s: this process may use the CPUs %s" % (cpus, allowed))
        os.sched_setaffinity(0, cpus)


def affinity() -> Optional[List[int]]:
    """Return the CPUs this process may run on; None if the platform does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def peak_memory_bytes() -> Optional[int]:
    """Return the peak resident memory of this process (VmHWM; ru_maxrss includes the parent's)."""
    value = proc_kib("/proc/self/status", "VmHWM")
    return None if value is None else value * 1024


def available_memory_bytes() -> Optional[int]:
    """Return memory that new processes can have without swapping (MemAvailable)."""
    value = proc_kib("/proc/meminfo", "MemAvailable")
    return None if value is None else value * 1024


def proc_kib(path: str, key: str) -> Optional[int]:
    """Return the number after `key:` in a /proc file that counts in kB, or None."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return None
