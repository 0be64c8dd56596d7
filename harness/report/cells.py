"""Names of cells, and the hardware that they ran on."""

from __future__ import annotations

from harness.record import Row
from harness.report.figures import plural


def is_software(row: Row) -> bool:
    """True where the CPU played the accelerator."""
    return bool(row.delegate_facts.get("software"))


def hardware(row: Row) -> str | None:
    """The accelerator by name, or the link to it: "SwiftShader Device (software)", "USB 3 (5000 Mb/s)"."""
    name = row.delegate_facts.get("adapter") or row.delegate_facts.get("transport")
    if not name:
        return None
    return f"{name} (software)" if is_software(row) else str(name)


def delegate_on_device(row: Row) -> str:
    """The delegate, and the device where that has another name: "xnnpack", "gpu@pi4 (software)"."""
    name = row.delegate if row.delegate == row.device else f"{row.delegate}@{row.device}"
    return f"{name} (software)" if is_software(row) else name


def on_threads(row: Row) -> str:
    """The number of threads, to tell apart cells that differ in nothing else: " (2 threads)"."""
    return f" ({plural(row.threads, 'thread')})"
