"""The names of cells, and of the hardware they ran on."""

from __future__ import annotations

from harness.record import Row
from harness.report.figures import plural


def is_software(row: Row) -> bool:
    """Return whether software on the CPU stood in for the accelerator."""
    return bool(row.delegate_facts.get("software"))


def hardware(row: Row) -> str | None:
    """Return the accelerator's name, or the link to it: "USB 3 (5000 Mb/s)"; None if unknown."""
    name = row.delegate_facts.get("adapter") or row.delegate_facts.get("transport")
    if not name:
        return None
    return f"{name} (software)" if is_software(row) else str(name)


def delegate_on_device(row: Row) -> str:
    """Return the delegate, with the device if its name differs: "xnnpack", "gpu@pi4 (software)"."""
    name = row.delegate if row.delegate == row.device else f"{row.delegate}@{row.device}"
    return f"{name} (software)" if is_software(row) else name


def on_threads(row: Row) -> str:
    """Return the number of threads as a suffix: " (2 threads)"."""
    return f" ({plural(row.threads, 'thread')})"
