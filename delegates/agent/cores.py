"""Choose the CPUs that jobs are pinned to: always the same, and the fastest."""

from __future__ import annotations

import os
from typing import List, Optional


def fastest(threads: int) -> Optional[List[int]]:
    """Return the numbers of the `threads` fastest CPUs that this process may use; None if it can't be pinned.

    Of equally fast CPUs, those with the highest numbers: interrupts and other processes favour CPU 0.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0), key=lambda cpu: (_speed(cpu), cpu), reverse=True)
    return sorted(allowed[:threads])


def _speed(cpu: int) -> int:
    """Return a figure to compare CPUs by: cpu_capacity (Arm big.LITTLE), else the top frequency, else 0."""
    for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
        try:
            with open("/sys/devices/system/cpu/cpu%d/%s" % (cpu, name), encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            pass
    return 0
