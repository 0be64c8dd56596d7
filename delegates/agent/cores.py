"""The CPUs that compared jobs run on: always the same, the fastest."""

from __future__ import annotations

import os
from typing import List, Optional


def fastest(threads: int) -> Optional[List[int]]:
    """The numbers of as many CPUs as `threads`, of those this process may use; None if it can't be pinned.

    Of equally fast ones the highest numbers: interrupts and the rest of the system favour CPU 0.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0), key=lambda cpu: (_speed(cpu), cpu), reverse=True)
    return sorted(allowed[:threads])


def _speed(cpu: int) -> int:
    """A number to compare CPUs by: cpu_capacity on Arm (big.LITTLE), else the highest frequency, else 0."""
    for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
        try:
            with open("/sys/devices/system/cpu/cpu%d/%s" % (cpu, name), encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            pass
    return 0
