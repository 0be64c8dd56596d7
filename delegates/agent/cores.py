"""Which CPUs compared cells run on: always the same ones, the fastest there are."""

from __future__ import annotations

import os
from typing import List, Optional


def choose(threads: int) -> Optional[List[int]]:
    """As many of the allowed CPUs as threads, the fastest first; None where the platform can't pin.

    Among equals the highest number wins: interrupts and the rest of the system favour CPU 0.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0), key=lambda cpu: (_speed(cpu), cpu), reverse=True)
    return sorted(allowed[:threads])


def _speed(cpu: int) -> int:
    """cpu_capacity on Arm (big.LITTLE), else the highest frequency, else 0."""
    for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
        try:
            with open("/sys/devices/system/cpu/cpu%d/%s" % (cpu, name), encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            pass
    return 0
