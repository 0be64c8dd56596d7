"""Describe the machine: what it is, and what changes meanwhile. What can't be read is None or left out."""

from __future__ import annotations

import glob
import os
import platform
import re
import shutil
import time
from typing import Any, Dict, List, Optional, Set

from ..processes import output_of
from ..wire import SystemInfo
from .machine import available_memory_bytes, proc_kib

_LIBRARY_FOLDERS = ("/lib", "/usr/lib", "/usr/lib/*-linux-gnu*", "/usr/local/lib", "/opt/*/lib")
_LIBRARY = re.compile(
    r"lib(edgetpu|tensorflowlite_.*delegate.*|vx_delegate.*|ethosu_delegate.*|armnnDelegate.*"
    r"|QnnTFLiteDelegate.*|hexagon_.*delegate.*)\.so"
)


def facts(when: str) -> SystemInfo:
    """Return the machine's current facts. when: "before" or "after" the measurement."""
    return SystemInfo(when=when, machine=machine(), changing=changing())


def machine() -> Dict[str, Any]:
    """Return what does not change.

    Keys: os, kernel, arch, cpu, board, cores, memory_bytes, python, delegate_libraries (paths).
    """
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
        "delegate_libraries": _delegate_libraries(),
    }


def changing() -> Dict[str, Any]:
    """Return load, free memory, governors, frequencies, temperatures, throttling, and CPU time.

    `cpu_*_s` count seconds of all CPUs since boot, `own_cpu_s` those of this process and its ended children;
    subtract two readings to get what was used between them.
    """
    found: Dict[str, Any] = {
        "clock_s": time.monotonic(),
        "own_cpu_s": sum(os.times()[:4]),
        **_cpu_seconds(),
        "cpu_pressure_s": _pressure(),
        "throttle_count": _throttle_count(),
        "throttle_flags": _throttle_flags(),
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


def _delegate_libraries() -> List[str]:
    """Return the delegate libraries in the usual folders, found by name, with links resolved."""
    found: Set[str] = set()
    for folder in (folder for pattern in _LIBRARY_FOLDERS for folder in glob.glob(pattern)):
        try:
            names = [name for name in os.listdir(folder) if _LIBRARY.match(name)]
        except OSError:
            continue
        found.update(os.path.realpath(os.path.join(folder, name)) for name in names)
    return sorted(found)


def _cpu_seconds() -> Dict[str, float]:
    """Return cpu_busy_s, cpu_steal_s and cpu_total_s, from the first line of /proc/stat (proc(5))."""
    words = (_read("/proc/stat") or "").split("\n")[0].split()
    if len(words) < 9 or words[0] != "cpu":
        return {}
    ticks = [int(word) for word in words[1:9]]  # user nice system idle iowait irq softirq steal
    second = os.sysconf("SC_CLK_TCK")
    busy = sum(ticks) - ticks[3] - ticks[4] - ticks[7]
    return {
        "cpu_busy_s": busy / second,
        "cpu_steal_s": ticks[7] / second,
        "cpu_total_s": sum(ticks) / second,
    }


def _pressure() -> Optional[float]:
    """Return the seconds since boot in which a task waited for a CPU (/proc/pressure/cpu)."""
    for word in (_read("/proc/pressure/cpu") or "").split("\n")[0].split():
        if word.startswith("total="):
            return int(word[6:]) / 1e6
    return None


def _throttle_count() -> Optional[int]:
    """Return how often the cores of an x86 processor were throttled since boot, in total."""
    counts = _read_all("/sys/devices/system/cpu/cpu*/thermal_throttle/*_throttle_count")
    return sum(int(count) for count in counts if count.isdigit()) if counts else None


def _throttle_flags() -> Optional[int]:
    """Return the bits that a Raspberry Pi's `vcgencmd get_throttled` prints ("throttled=0x50005")."""
    tool = shutil.which("vcgencmd")
    if tool is None:
        return None
    output = output_of([tool, "get_throttled"], timeout_s=5) or ""
    try:
        return int(output.strip().rpartition("=")[2], 16)
    except ValueError:
        return None


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
            return file.read(65536).strip("\0 \n") or None
    except OSError:
        return None
