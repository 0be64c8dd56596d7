"""The machine: what it is, and what changes while it works. Whatever can't be read is left out."""

from __future__ import annotations

import glob
import os
import platform
from typing import Any, Dict, List, Optional

from .machine import available_memory_bytes, proc_kib
from .wire import Facts


def facts(when: str) -> Facts:
    return Facts(when=when, machine=machine(), changing=changing())


def machine() -> Dict[str, Any]:
    """os, kernel, arch, cpu, board, cores, memory_bytes."""
    total = proc_kib("/proc/meminfo", "MemTotal")
    return {
        "os": platform.system(),
        "kernel": platform.release(),
        "arch": platform.machine(),
        "cpu": _cpu(),
        "board": _read("/proc/device-tree/model"),
        "cores": os.cpu_count(),
        "memory_bytes": None if total is None else total * 1024,
        "python": platform.python_version(),
    }


def changing() -> Dict[str, Any]:
    """Load, free memory, governors, frequencies (kHz) and temperatures (degrees Celsius)."""
    found: Dict[str, Any] = {
        "load_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "available_memory_bytes": available_memory_bytes(),
        "governors": sorted(set(_read_all("/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"))),
        "frequencies_khz": _read_all("/sys/devices/system/cpu/cpu*/cpufreq/scaling_cur_freq"),
        "temperatures_c": [
            int(t) / 1000
            for t in _read_all("/sys/class/thermal/thermal_zone*/temp")
            if t.lstrip("-").isdigit()
        ],
    }
    return {key: value for key, value in found.items() if value not in (None, [])}


def _cpu() -> Optional[str]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() in ("model name", "Hardware", "Model"):
                    return value.strip()
    except OSError:
        pass
    return platform.processor() or None


def _read_all(pattern: str) -> List[str]:
    return [text for text in map(_read, sorted(glob.glob(pattern))) if text]


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4096).strip("\0 \n") or None
    except OSError:
        return None
